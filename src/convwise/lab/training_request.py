"""A training as the page asks for it, and the command line that does it.

What comes from the page is checked field by field, and only then written into a command line. That
is a list of arguments; no shell ever reads it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from convwise.design import zoo
from convwise.design.network import Network
from convwise.errors import OptionError
from convwise.image import MAX_SIDE
from convwise.lab.training_entry import positional
from convwise.training.recipe import Recipe

MOST_TEXT = 20_000
# Options of ``convwise train`` for settings of a recipe; the others are given by --set.
_FLAGS = {
    "epochs": "--epochs",
    "batch_size": "--batch-size",
    "learning_rate": "--lr",
    "balance": "--balance",
    "patience": "--patience",
}

Setting = Annotated[bool | int | float | str, Field(union_mode="smart")]


class TrainingRequest(BaseModel):
    """What the page Train sends.

    Args:
        data: a name of the catalogue, or an id of data that the lab was given.
        network: a name of the zoo, or notation; never a path.
        recipe: settings of a :class:`Recipe`; those that are left out keep their defaults.
        seed: of splits, weights and order.
        precision: ``auto``, ``fp32`` or ``bf16``.
        threads: of torch.
        image_size: side in pixels that images are resized to.

    Example:
        >>> asked = TrainingRequest(data="fashion-mini", network="lenet", recipe={"epochs": 3})
        >>> asked.arguments("fashion-mini", Path("runs/first"))
        ('train', 'fashion-mini', '--network', 'lenet', '--epochs', '3', '--out', 'runs/first')
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    data: str = Field(min_length=1, max_length=200)
    network: str = Field("fast", min_length=1, max_length=MOST_TEXT)
    recipe: dict[str, Setting] = Field(default_factory=dict, max_length=len(Recipe.model_fields))
    seed: int | None = Field(None, ge=0, lt=2**63)
    precision: Literal["auto", "fp32", "bf16"] | None = None
    threads: int | None = Field(None, ge=1, le=1024)
    image_size: int | None = Field(None, ge=1, le=MAX_SIDE)

    def design(self) -> Network:
        """Return the network.

        Raises:
            NotationError: the text is no network.
        """
        name = self.network.strip()
        return zoo.network(name) if name in zoo.names() else Network.from_text(self.network)

    @property
    def network_name(self) -> str:
        """The name in the zoo, or ``custom``."""
        name = self.network.strip()
        return name if name in zoo.names() else "custom"

    def arguments(self, data: str, out: Path) -> tuple[str, ...]:
        """Return what stands behind ``convwise`` on the command line.

        Args:
            data: the catalogue's name or the path that ``self.data`` stands for.
            out: the folder of the run.

        Raises:
            OptionError: a setting is unknown or out of range.
            NotationError: the network's text is no network.
        """
        words = ["train", positional(data), "--network", self._network_text()]
        words += self._recipe_options()
        for flag, value in (
            ("--seed", self.seed),
            ("--precision", self.precision),
            ("--threads", self.threads),
            ("--image-size", self.image_size),
        ):
            if value is not None:
                words += [flag, str(value)]
        return (*words, "--out", str(out))

    def _network_text(self) -> str:
        """Return the network as the command line reads it; written anew from the layers."""
        design, name = self.design(), self.network_name
        if name != "custom":
            return name
        lines = design.to_text().strip().splitlines()
        flat = not any(line.startswith(" ") for line in lines)
        text = " | ".join(lines) if flat else "\n".join(lines)
        # On the command line, text with a slash might be a file.
        if not lines or "/" in text or "\\" in text or Network.from_text(text) != design:
            raise OptionError("this network cannot be given on a command line; save it to a file")
        return text

    def _recipe_options(self) -> list[str]:
        values = dict(self.recipe)
        checked = Recipe.of(values)
        options: list[str] = []
        for name in Recipe.model_fields:
            if name not in values:
                continue
            value = getattr(checked, name)
            if value is None:
                raise OptionError(f"{name}: leave it out, or give a value")
            if name == "time_limit":
                options += ["--time-limit", f"{value:g}s"]
            elif name in _FLAGS:
                options += [_FLAGS[name], _written(value)]
            else:
                options += ["--set", f"{name}={_written(value)}"]
        return options


def _written(value: bool | int | float | str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)
