"""Too little memory for a batch, and the batch that fits."""

from __future__ import annotations

import contextlib
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
        network: in training mode; its gradients are lost, its weights stay.
        batch: returns so many images, float32 (n, channels, height, width), and labels, int64 (n,).
        size: of the batch that did not fit.
        precision: what the step computes in.
    """
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
    model: TrainedModel, store: PixelStore, size: int, precision: Precision
) -> Iterator[None]:
    """Name the batch that fits, where one does not.

    Raises:
        TrainingError: there was not enough memory.
    """
    try:
        yield
        return
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    # Out here the error is gone, and with it the frames that held what was computed.
    size = min(size, len(store))
    fitting = fitting_batch_size(
        model.network.train(), lambda count: a_batch(model, store, count), size, precision
    )
    advice = f"{fitting} are: --batch-size {fitting}" if fitting else "not even one is"
    raise TrainingError(
        f"a batch of {size} images of {'×'.join(map(str, store.shape))} is too large for"
        f" the memory that is free; {advice}"
    )
