"""Which network a training asked for, and the weights that it begins with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convwise.data.dataset import Dataset, Decoded
from convwise.design.network import Network
from convwise.design.plan import Plan, plan
from convwise.design.resolve import resolve_network
from convwise.model.pretrained.start import Start, requested_start
from convwise.training.recipe import Recipe
from convwise.training.transfer import require_fit
from convwise.training.width import AUTO

DEFAULT_NETWORK = "fast"


@dataclass(frozen=True)
class NetworkRequest:
    """The network of a training whose images are not known yet.

    Args:
        name: of the network, for people and folders.
        network: as designed; with a new head where there is a ``start``.
        start: the weights that training begins with; None from scratch.
        by_time: the time limit chooses the width, once it is known how fast images are learnt from.

    Example:
        >>> NetworkRequest.of("lenet").name, NetworkRequest.of("auto").by_time
        ('lenet', True)
    """

    name: str
    network: Network
    start: Start | None = None
    by_time: bool = False

    @classmethod
    def of(
        cls,
        network: str | Path | Network | None,
        start_from: str | Path | None = None,
        weights: str | Path | None = None,
    ) -> NetworkRequest:
        """Return the request that ``train`` was called with; its docstring tells the arguments.

        Raises:
            DesignError: there is no such network.
            MissingExtraError: the package of the weights is not installed.
            ModelFileError: the weights cannot be read.
            OptionError: the arguments do not go together.
        """
        start = requested_start(start_from, weights)
        if start is not None:
            return cls(start.name, start.redesign(network), start)
        by_time = network == AUTO
        asked = DEFAULT_NETWORK if network is None or by_time else network
        design = resolve_network(asked)
        return cls(short_name(asked), design, by_time=by_time)

    def in_its_format(
        self, data: Dataset | Decoded, asked: Mapping[str, Any]
    ) -> tuple[Dataset, Decoded | None]:
        """Return the data set in the image format of the weights, and its pixels if there are any.

        Args:
            data: keeps its format where training begins from scratch.
            asked: options of the data; those about the format win over that of the weights.

        Raises:
            OptionError: pictures that are decoded do not suit the weights.
        """
        if self.start is not None:
            data = self.start.prepare(data, asked)
        return (data.dataset, data) if isinstance(data, Decoded) else (data, None)

    def plan_for(self, dataset: Dataset, recipe: Recipe) -> Plan:
        """Return the plan for the images of a data set.

        Raises:
            DesignError: the network does not fit them.
            ModelFileError: the weights do not fit them.
            OptionError: the recipe does not suit the weights.
        """
        made = plan(self.network, dataset.format, len(dataset.classes)).require()
        if self.start is not None:
            require_fit(self.start, made, recipe)
        return made


def short_name(network: str | Path | Network) -> str:
    """Return a word for the network: its zoo name, its file's name, or ``custom``."""
    if isinstance(network, Path):
        return network.stem
    if isinstance(network, Network) or any(sign in network.strip() for sign in "|\n {("):
        return "custom"
    return Path(network.strip()).stem
