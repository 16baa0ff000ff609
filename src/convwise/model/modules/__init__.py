"""The torch modules that layers become.

Tensors are (batch, channels, height, width) in ``channels_last`` memory. Parameters carry Keras's
names (``kernel``, ``bias``, ``gamma``, ``beta``, ``moving_mean``, ``moving_variance``), which are
also the names in the model file.
"""

from convwise.model.modules.convolution import (
    Convolution,
    FixedConvolution,
    FullyConnected,
    SeparableConvolution,
    subsample,
)
from convwise.model.modules.dropout import Dropout
from convwise.model.modules.joining import (
    ActivatedSum,
    Concatenated,
    PaddedShortcut,
    ProjectionShortcut,
    ResidualSum,
    Sum,
)
from convwise.model.modules.normalization import BatchNorm, LayerNorm
from convwise.model.modules.pooled_convolution import PooledConvolution
from convwise.model.modules.pooling import AveragePool, BlurPool, GlobalAverage, GlobalMax, MaxPool
from convwise.model.modules.raced import Raced
from convwise.model.modules.shapes import Apply, FlattenMaps, Pad
from convwise.model.modules.types import Activation, Pair, Sides
from convwise.model.modules.weighted import Weighted

__all__ = [
    "ActivatedSum",
    "Activation",
    "Apply",
    "AveragePool",
    "BatchNorm",
    "BlurPool",
    "Concatenated",
    "Convolution",
    "Dropout",
    "FixedConvolution",
    "FlattenMaps",
    "FullyConnected",
    "GlobalAverage",
    "GlobalMax",
    "LayerNorm",
    "MaxPool",
    "Pad",
    "PaddedShortcut",
    "Pair",
    "PooledConvolution",
    "ProjectionShortcut",
    "Raced",
    "ResidualSum",
    "SeparableConvolution",
    "Sides",
    "Sum",
    "Weighted",
    "subsample",
]
