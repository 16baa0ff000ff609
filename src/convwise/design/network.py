"""Network: a tuple of layers, with exact round trips to text and to JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from convwise.design import notation
from convwise.design.block import check_layers
from convwise.design.layer import Layer
from convwise.design.registry import layers_from_dicts
from convwise.errors import DesignError


@dataclass(frozen=True)
class Network:
    """Layers in the order in which an image runs through them.

    Two networks are equal when their layers are.

    Args:
        layers: at least one; blocks written out, at most 10,000.

    Raises:
        DesignError: there are no layers, too many, or something that is no layer.

    Example:
        >>> network = Network.from_text("conv 8 3 relu | global_avgpool | dense classes")
        >>> len(network.layers), Network.from_dict(network.to_dict()) == network
        (3, True)
    """

    layers: tuple[Layer, ...]

    def __post_init__(self) -> None:
        try:
            object.__setattr__(self, "layers", check_layers(self.layers))
        except ValueError as error:
            raise DesignError(f"a network's layers {error}") from None

    def resolve(self, classes: int) -> Network:
        """Return the network with ``"classes"`` replaced by their number."""
        return Network(tuple(layer.resolve(classes) for layer in self.layers))

    def to_text(self) -> str:
        """Return the network in convwise's notation, a layer a line."""
        return notation.write(self.layers)

    @classmethod
    def from_text(cls, text: str) -> Network:
        """Read convwise's notation.

        Raises:
            NotationError: the text is no network; says line, column and the nearest word.
        """
        return cls(notation.parse(text))

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values, each argument of each layer written out."""
        return {"layers": [layer.to_dict() for layer in self.layers]}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Network:
        """Read what :meth:`to_dict` wrote.

        Raises:
            DesignError: a key is unknown or missing, or a value is of the wrong kind.
        """
        if not isinstance(values, Mapping) or set(values) != {"layers"}:
            raise DesignError('a network in JSON is {"layers": […]} with no other key')
        return cls(layers_from_dicts(values["layers"]))
