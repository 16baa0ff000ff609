"""Networks as data: layers, notation, plans and the networks that convwise knows by name.

Nothing here needs torch.
"""

from convwise.design.activation import Activation
from convwise.design.blur_pooling import BlurPool2D
from convwise.design.branches import Add, Concatenate
from convwise.design.conv import Conv2D
from convwise.design.dense import Dense
from convwise.design.depthwise import DepthwiseConv2D
from convwise.design.diagnose import Problem
from convwise.design.dropout import Dropout
from convwise.design.fixed_filters import FixedFilters
from convwise.design.flatten import Flatten
from convwise.design.global_pooling import GlobalAveragePooling2D, GlobalMaxPooling2D
from convwise.design.layer import Layer, Shape, Weight, Window
from convwise.design.layer_normalization import LayerNormalization
from convwise.design.network import Network
from convwise.design.normalization import BatchNormalization
from convwise.design.plan import Plan, Row, plan
from convwise.design.pooling import AveragePooling2D, MaxPooling2D
from convwise.design.repeat import Repeat
from convwise.design.residual import Residual
from convwise.design.resolve import resolve_network
from convwise.design.separable import SeparableConv2D
from convwise.design.zero_padding import ZeroPadding2D

__all__ = [
    "Activation",
    "Add",
    "AveragePooling2D",
    "BatchNormalization",
    "BlurPool2D",
    "Concatenate",
    "Conv2D",
    "Dense",
    "DepthwiseConv2D",
    "Dropout",
    "FixedFilters",
    "Flatten",
    "GlobalAveragePooling2D",
    "GlobalMaxPooling2D",
    "Layer",
    "LayerNormalization",
    "MaxPooling2D",
    "Network",
    "Plan",
    "Problem",
    "Repeat",
    "Residual",
    "Row",
    "SeparableConv2D",
    "Shape",
    "Weight",
    "Window",
    "ZeroPadding2D",
    "plan",
    "resolve_network",
]
