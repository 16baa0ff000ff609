"""Source code of a planned network, for Keras and for torch, without convwise.

Nothing here imports Keras or torch: a printed program does, when it runs.
"""

from convwise.design.source.keras import to_keras
from convwise.design.source.torch import to_torch

__all__ = ["to_keras", "to_torch"]
