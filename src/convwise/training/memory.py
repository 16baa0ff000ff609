"""Too little memory for a batch, and the batch that fits."""

from __future__ import annotations

import contextlib
import copy
import traceback
from collections.abc import Callable, Iterator

import torch.nn.functional as F
from torch import Tensor, nn

from convwise.data.store import PixelStore
from convwise.errors import TrainingError
from convwise.model.trained import TrainedModel
from convwise.training.decided import a_batch
from convwise.training.out_of_memory import is_out_of_memory
from convwise.training.precision import Precision, computing_in

MakeBatch = Callable[[int], tuple[Tensor, Tensor]]


def fitting_batch_size(
    network: nn.Module, batch: MakeBatch, size: int, precision: Precision
) -> int | None:
    """Return the largest half, quarter … of a batch that one step has memory for, or None.

    Args:
        network: in training mode; it is not changed.
        batch: returns so many images, float32 (n, channels, height, width), and labels, int64 (n,).
        size: of the batch that did not fit.
        precision: what the step computes in.
    """
    # A network that is trained by several processes would wait for theirs.
    network = copy.deepcopy(network)
    size //= 2
    while size and not _fits(network, batch, size, precision):
        size //= 2
    return size or None


def _fits(network: nn.Module, batch: MakeBatch, size: int, precision: Precision) -> bool:
    network.zero_grad(set_to_none=True)
    try:
        images, labels = batch(size)
        with computing_in(precision, images.device.type):
            logits = network(images)
        F.cross_entropy(logits.float(), labels).backward()  # type: ignore[no-untyped-call]
    except (RuntimeError, MemoryError) as error:
        if is_out_of_memory(error):
            return False
        raise
    finally:
        network.zero_grad(set_to_none=True)
    return True


@contextlib.contextmanager
def enough_memory(
    model: TrainedModel, store: PixelStore, size: int, precision: Precision, processes: int = 1
) -> Iterator[None]:
    """Name the batch that fits, where one does not.

    Args:
        model: its network was to be trained.
        store: the training images.
        size: of a batch.
        precision: what the step computes in.
        processes: each of which has memory of its own for its part of the batch.

    Raises:
        TrainingError: there was not enough memory.
    """
    try:
        yield
        return
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        # They hold what was computed until then.
        traceback.clear_frames(error.__traceback__)
    size = min(-(-size // processes), len(store))
    fitting = fitting_batch_size(
        model.network.train(), lambda count: a_batch(model, store, count), size, precision
    )
    fitting = fitting and fitting * processes
    size *= processes
    advice = f"{fitting} are: --batch-size {fitting}" if fitting else "not even one is"
    raise TrainingError(
        f"a batch of {size} images of {'×'.join(map(str, store.shape))} is too large for"
        f" the memory that is free; {advice}"
    )
