"""Dropout."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from convwise.model.modules.raced import Raced


class Dropout(Raced):
    """Values are dropped at random while training, and the others scaled up.

    Attributes:
        keys: a random number for each picture of the next batch, (batch,), which decides its mask
            where the kernel is used; None draws them from torch's generator.
    """

    # Which values are dropped must not depend on what happened to be quicker.
    raced = False

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate
        self.keys: NDArray[np.uint64] | None = None

    def by_torch(self, x: Tensor) -> Tensor:
        """Same shape in and out."""
        return F.dropout(x, self.rate, self.training)

    def by_kernel(self, x: Tensor) -> Tensor:
        """Compute the mask from the keys."""
        from convwise.kernels.dropout import dropout

        keys = self.keys
        if keys is None or len(keys) != len(x):
            keys = torch.randint(2**63 - 1, (len(x),)).numpy().astype(np.uint64)
        return dropout(x, keys, self.rate)

    def kernel_fits(self, x: Tensor) -> bool:
        """Say no where nothing is dropped."""
        return self.training and 0 < self.rate < 1

    def race_key(self) -> str:
        """The rate makes no difference."""
        return "dropout"
