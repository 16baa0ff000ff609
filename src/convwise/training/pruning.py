"""Which training images an epoch leaves out because the network already knows them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from convwise.data.draws import draws
from convwise.training.world import World

# From here on every image takes part, so that the last weights follow the true mixture.
ALL_IMAGES_FROM = 0.85


class Pruning:
    """Lets easy images take turns, and counts those whose turn it is for the others too.

    An image is easy while its last loss is below the mean of all last losses. Each epoch leaves
    out a random share of the easy ones and weighs the rest of them by 1 / (1 - share), so that the
    expected gradient is that of all images. The first epoch and the last part of training leave
    out nothing.

    Source: Qin et al., InfoBatch: lossless training speed up by unbiased dynamic data pruning
    (ICLR 2024), sections 3.2 and 3.3.

    Args:
        images: how many there are.
        share: of the easy images that an epoch leaves out, 0…1 (1 excluded); 0 keeps all.
        seed: decides, with the epoch, which ones.

    Attributes:
        last_losses: of each image, (images,); infinite where it had none yet.
        fresh: which of them were learnt in this process since :meth:`share_with`, (images,).

    Example:
        >>> pruning = Pruning(4, share=0.5, seed=0)
        >>> pruning.learn(np.arange(4), np.array([0.1, 0.1, 0.1, 3.0]))
        >>> float(pruning.weights(epoch=2, progress=0.3).max())
        2.0
    """

    def __init__(self, images: int, share: float, seed: int) -> None:
        self.share, self.seed = share, seed
        self.last_losses = np.full(images, np.inf)
        self.fresh = np.zeros(images, np.bool_)

    def learn(self, positions: NDArray[np.int64], losses: NDArray[np.float64]) -> None:
        """Take in the losses that images have just had."""
        self.last_losses[positions] = losses
        self.fresh[positions] = True

    def share_with(self, world: World) -> None:
        """Take in what other processes have learnt since the last time, and let them too."""
        self.last_losses[:] = world.merged(self.last_losses, self.fresh)
        self.fresh[:] = False

    def weights(self, epoch: int, progress: float) -> NDArray[np.float32]:
        """Return how much each image counts in this epoch, (images,); 0 leaves it out.

        Args:
            epoch: number of the epoch.
            progress: share of the training that is done, 0…1.
        """
        weights = np.ones(len(self.last_losses), np.float32)
        seen = np.isfinite(self.last_losses)
        if not self.share or progress >= ALL_IMAGES_FROM or not seen.any():
            return weights
        easy = self.last_losses < self.last_losses[seen].mean()
        positions = np.arange(len(weights), dtype=np.int64)
        drawn = draws("prune", self.seed, epoch, counters=positions)
        out = easy & (_as_share(drawn) < self.share)
        weights[easy] = 1.0 / (1.0 - self.share)
        weights[out] = 0.0
        return weights


def _as_share(drawn: NDArray[np.uint64]) -> NDArray[np.float64]:
    return drawn / np.float64(2**64)
