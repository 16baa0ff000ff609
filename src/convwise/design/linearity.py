"""Where trained layers follow each other with nothing between them that bends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from convwise.design.convolution import Convolution
from convwise.design.plan import Row

Pair = tuple[Row, Row]


def linear_pairs(rows: Sequence[Row]) -> tuple[tuple[Pair, ...], bool]:
    """Return neighbouring trained layers that compute what one layer could.

    Two layers count where no activation, max-pooling or layer normalisation lies between them.
    Splits that save weights do not: a depthwise convolution and a 1×1 one (Chollet 2017), a
    convolution to fewer channels and the next to more (linear bottlenecks, Sandler et al. 2018).
    Neither do layers on both sides of a block's start or of a block that bends, as such a sum of
    two ways is no single layer.

    Args:
        rows: of a plan's tree.

    Returns:
        The pairs, and whether nothing bends in the whole network; then the one pair is its first
        and its last layer.

    Example:
        >>> from convwise.design.plan import plan
        >>> made = plan("conv 8 3 | conv 8 3 relu | flatten | dense classes", "8x8x1", 10)
        >>> [(one.name, two.name) for one, two in linear_pairs(made.tree)[0]]
        [('conv1', 'conv2')]
    """
    walk = _Walk()
    walk.chain(rows, None)
    if walk.summing and not walk.bent and len(walk.summing) > 1:
        return ((walk.summing[0], walk.summing[-1]),), True
    return tuple(walk.pairs), False


@dataclass
class _Walk:
    """One walk over a tree of rows."""

    summing: list[Row] = field(default_factory=list)
    """Layers of weighted sums, in order."""
    pairs: list[Pair] = field(default_factory=list)
    bends: int = 0
    """What has bent so far."""
    bent: int = 0
    """What had bent before the last layer of weighted sums."""

    def chain(self, rows: Sequence[Row], before: Row | None) -> Row | None:
        """Walk a chain; return the trained layer that nothing has bent since."""
        for row in rows:
            if row.branches:
                bends = self.bends
                ends = [self.chain(branch, None) for branch in row.branches]
                before = next((end for end in ends if end), None) if self.bends == bends else None
                continue
            if row.flops:
                self.summing.append(row)
                self.bent = self.bends
            if row.flops and row.trainable_params:
                if before and not _saves_weights(before, row):
                    self.pairs.append((before, row))
                before = row
            if not row.layer.is_linear or getattr(row.layer, "activation", None):
                self.bends += 1
                before = None
        return before


def _saves_weights(first: Row, second: Row) -> bool:
    if not (isinstance(first.layer, Convolution) and isinstance(second.layer, Convolution)):
        return False
    middle = first.output_shape[-1]
    narrow = middle < first.input_shape[-1] and middle < second.output_shape[-1]
    return narrow or not (_mixes(first) and _mixes(second))


def _mixes(row: Row) -> bool:
    """Return whether each filter sees all channels."""
    channels = row.input_shape[-1]
    return any(weight.shape[1] >= channels for weight in row.weights if len(weight.shape) == 4)
