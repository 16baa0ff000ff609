"""The first filters that a run has learnt, for the convolution bench."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from convwise.errors import OptionError

if TYPE_CHECKING:
    from convwise.model.trained import TrainedModel

_MOST_FILTERS = 64
_LARGEST = 11

Values = list[list[float]]


def first_filters(run: Path) -> list[Values]:
    """Return the kernels of a run's first convolution, at most 64, each summed over its channels.

    On a grey image a kernel of three channels does what their sum does.

    Raises:
        ModelFileError: the run holds no model that can be read.
        OptionError: its network has no convolution whose window the bench can show.
    """
    file = run / "model.safetensors"
    try:
        changed = file.stat().st_mtime_ns
    except OSError:
        changed = 0
    return _read(run, changed)


@lru_cache(maxsize=16)
def _read(run: Path, changed: int) -> list[Values]:
    # torch takes seconds to import; the lab must not wait for it to open its first page.
    from convwise.model.modelfile import load_model

    return _first(load_model(run))


def _first(model: TrainedModel) -> list[Values]:
    weights = model.network.state_dict()
    for row in model.network.plan.rows:
        kernel = weights.get(f"{row.name}.kernel")
        if kernel is None or kernel.ndim != 4 or max(kernel.shape[2:]) == 1:
            continue
        if max(kernel.shape[2:]) > _LARGEST:
            break
        summed = kernel[:_MOST_FILTERS].sum(dim=1)
        return [[[float(f"{v:.5g}") for v in line] for line in one] for one in summed.tolist()]
    raise OptionError(
        f"{model.name} has no convolution with a window of 2×2 to {_LARGEST}×{_LARGEST}, so there"
        " is no kernel to show; choose another run"
    )
