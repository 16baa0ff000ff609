"""Networks as data: layers, notation, plans and the networks that convwise knows by name.

Nothing here needs torch.
"""

from convwise.design.activation import Activation
from convwise.design.blocks import Repeat, Residual
from convwise.design.conv import Conv2D
from convwise.design.dense import Dense
from convwise.design.diagnose import Problem
from convwise.design.dropout import Dropout
from convwise.design.flatten import Flatten
from convwise.design.global_pooling import GlobalAveragePooling2D, GlobalMaxPooling2D
from convwise.design.layer import Layer, Shape, Weight, Window
from convwise.design.network import Network
from convwise.design.normalization import BatchNormalization
from convwise.design.plan import Plan, Row, plan
from convwise.design.pooling import AveragePooling2D, MaxPooling2D
from convwise.design.resolve import resolve_network
from convwise.design.zero_padding import ZeroPadding2D

__all__ = [
    "Activation",
    "AveragePooling2D",
    "BatchNormalization",
    "Conv2D",
    "Dense",
    "Dropout",
    "Flatten",
    "GlobalAveragePooling2D",
    "GlobalMaxPooling2D",
    "Layer",
    "MaxPooling2D",
    "Network",
    "Plan",
    "Problem",
    "Repeat",
    "Residual",
    "Row",
    "Shape",
    "Weight",
    "Window",
    "ZeroPadding2D",
    "plan",
    "resolve_network",
]
