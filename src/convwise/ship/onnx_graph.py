"""An ONNX graph that grows node by node, every value under a name of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from convwise.ship.extras import require

if TYPE_CHECKING:
    import onnx

OPSET = 18
IR_VERSION = 8


class Graph:
    """Nodes and constants of a graph that is being written.

    Attributes:
        nodes: in order of execution.
        constants: initializers, in the order in which they were first needed.
    """

    def __init__(self) -> None:
        self._onnx: Any = require("onnx", "export")
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self._taken: set[str] = set()

    def constant(self, name: str, values: ArrayLike) -> str:
        """Add a constant and return its name."""
        name = self._free(name)
        array = np.array(values, order="C")
        self.constants.append(self._onnx.numpy_helper.from_array(array, name))
        return name

    def integers(self, name: str, values: Sequence[int]) -> str:
        """Add a constant of whole numbers and return its name."""
        return self.constant(name, np.array(values, np.int64))

    def add(self, kind: str, inputs: Sequence[str], name: str, **attributes: Any) -> str:
        """Add a node with one output and return the output's name, which is also the node's."""
        name = self._free(name)
        self.nodes.append(
            self._onnx.helper.make_node(kind, list(inputs), [name], name=name, **attributes)
        )
        return name

    def _free(self, name: str) -> str:
        tried, number = name, 2
        while tried in self._taken:
            tried, number = f"{name}_{number}", number + 1
        self._taken.add(tried)
        return tried
