"""Options that ``train`` and ``resume`` have for what is kept of a training."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter

from convwise.training.recipe import parse_duration

CheckpointEvery = Annotated[
    str | None,
    Parameter(help="Keep a checkpoint so often, as 5m; and at each epoch's end. Default: 5m."),
]
OnNan = Annotated[
    Literal["stop", "retry"] | None,
    Parameter(
        help="A loss that is no number: stop, or retry from the last checkpoint at half the"
        " learning rate. Default: stop."
    ),
]


def parse_every(text: str | None) -> float | None:
    """Return seconds between checkpoints, or None where nothing was asked.

    Raises:
        OptionError: the text is no duration.
    """
    return None if text is None else parse_duration(text)
