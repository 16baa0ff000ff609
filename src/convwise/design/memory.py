"""Memory of activations: what training has to keep, and what prediction holds at its fullest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from convwise.design.plan import Plan, Row
from convwise.errors import OptionError

# A float32.
BYTES_PER_VALUE = 4
# No machine trains on more at once.
MAX_BATCH = 1_000_000


@dataclass(frozen=True)
class Memory:
    """Bytes of activations, the batch of images included.

    Weights, their gradients and the optimizer's state are not in it.

    Args:
        training: all that the backward pass needs. Each row's output is kept once, a projection's
            two maps and the middle of a separable convolution as well. An activation that is an
            argument of its layer is applied in place, and gradients are not counted.
        prediction: the largest set of tensors that exist at once: what the running layer takes and
            leaves, and what blocks keep waiting: their input until they are done, and the ends of
            finished branches. A layer's scratch space is not counted.
    """

    training: int
    prediction: int


def activation_memory(plan: Plan, batch: int = 1, bytes_per_value: int = BYTES_PER_VALUE) -> Memory:
    """Return the memory of a plan's activations at a batch size.

    Args:
        plan: one with a problem counts the rows that it has, one after the other.
        batch: images at once, 1 to 1,000,000.
        bytes_per_value: 4 for float32, 2 for half precision.

    Raises:
        OptionError: the batch or the bytes are out of range.

    Example:
        >>> from convwise.design.plan import plan
        >>> activation_memory(plan("flatten | dense 100 relu | dense classes", "8x8x1", 10))
        Memory(training=952, prediction=656)
    """
    for what, value, most in (("batch", batch, MAX_BATCH), ("bytes_per_value", bytes_per_value, 8)):
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
            raise OptionError(f"{what} is {value!r}: use a whole number from 1 to {most:,}")
    image = prod(plan.image)
    kept = image + sum(row.activation_values for row in plan.rows)
    alive = max(image, _most_alive(plan.tree, 0))
    one = batch * bytes_per_value
    return Memory(kept * one, alive * one)


def _most_alive(rows: Sequence[Row], waiting: int, *, input_waits: bool = False) -> int:
    """Return the most values that exist at once while a chain runs.

    Args:
        rows: of the chain.
        waiting: values that blocks around the chain keep.
        input_waits: the chain's input is among them.
    """
    most = 0
    for place, row in enumerate(rows):
        held = waiting if input_waits and place == 0 else waiting + prod(row.input_shape)
        ends = 0
        for branch in row.branches:
            most = max(most, _most_alive(branch, held + ends, input_waits=True))
            # An empty branch ends in the block's own input, which waits as it is.
            ends += prod(branch[-1].output_shape) if branch else 0
        most = max(most, held + ends + row.layer.values_made(row.input_shape))
    return most
