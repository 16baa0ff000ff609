"""One table of all layers: what each makes of a sample input, added up by hand.

Tests of every kind of layer run over it; ``unit/design/test_layers.py`` proves that it is complete.
"""

from __future__ import annotations

from dataclasses import dataclass

from convwise.design import (
    Activation,
    Add,
    AveragePooling2D,
    BatchNormalization,
    BlurPool2D,
    Concatenate,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    FixedFilters,
    Flatten,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    Layer,
    LayerNormalization,
    MaxPooling2D,
    Network,
    Plan,
    Repeat,
    Residual,
    SeparableConv2D,
    Shape,
    ZeroPadding2D,
)
from convwise.design.plan import plan


@dataclass(frozen=True)
class Sample:
    """A layer, its input, and what is expected of it."""

    layer: Layer
    input_shape: Shape
    output_shape: Shape
    params: int = 0
    trainable: int = 0
    flops: int = 0
    other_flops: int = 0


NORM = BatchNormalization()
TABLE = [
    Sample(Conv2D(32, 3), (28, 28, 1), (26, 26, 32), 320, 320, 2 * 26 * 26 * 32 * 9),
    Sample(
        Conv2D(8, (3, 5), (2, 1), "same", "relu", use_bias=False, groups=2),
        (9, 9, 4),
        (5, 9, 8),
        8 * 2 * 15,
        8 * 2 * 15,
        2 * 5 * 9 * 8 * 2 * 15,
        5 * 9 * 8,
    ),
    Sample(Conv2D(1, 3, dilation_rate=(2, 3)), (9, 9, 1), (5, 3, 1), 10, 10, 2 * 5 * 3 * 9),
    Sample(
        DepthwiseConv2D(3, 2, "same", 2, "relu"),
        (9, 9, 4),
        (5, 5, 8),
        8 * 9 + 8,
        8 * 9 + 8,
        2 * 5 * 5 * 8 * 9,
        5 * 5 * 8,
    ),
    Sample(
        SeparableConv2D(16, 3, depth_multiplier=2),
        (9, 9, 4),
        (7, 7, 16),
        8 * 9 + 16 * 8 + 16,
        8 * 9 + 16 * 8 + 16,
        2 * 7 * 7 * (8 * 9 + 16 * 8),
    ),
    # Two filters for each of three channels, none of them trained.
    Sample(FixedFilters("sobel", padding="same"), (5, 7, 3), (5, 7, 6), 54, 0, 2 * 35 * 54),
    Sample(FixedFilters("classic", 2), (9, 9, 1), (2, 2, 11), 11 * 49, 0, 2 * 4 * 11 * 49),
    Sample(BlurPool2D(), (7, 7, 4), (4, 4, 4), other_flops=2 * 4 * 4 * 4 * 9),
    Sample(LayerNormalization(), (5, 5, 6), (5, 5, 6), 12, 12, 0, 6 * 5 * 5 * 6),
    Sample(
        Add(((Conv2D(4, 1),), (Conv2D(4, 3, padding="same"),), ())),
        (5, 5, 4),
        (5, 5, 4),
        other_flops=200,
    ),
    Sample(Concatenate(((), (Conv2D(4, 3, 1, "same"),))), (5, 5, 2), (5, 5, 6)),
    Sample(Concatenate(((Dense(3),), ())), (5,), (8,)),
    Sample(MaxPooling2D(), (13, 13, 4), (6, 6, 4), other_flops=6 * 6 * 4 * 4),
    Sample(MaxPooling2D(3, 2, "same"), (7, 7, 4), (4, 4, 4), other_flops=4 * 4 * 4 * 9),
    Sample(AveragePooling2D((1, 2)), (4, 6, 2), (4, 3, 2), other_flops=4 * 3 * 2 * 2),
    Sample(GlobalAveragePooling2D(), (7, 5, 3), (3,), other_flops=7 * 5 * 3),
    Sample(GlobalMaxPooling2D(), (7, 5, 3), (3,), other_flops=7 * 5 * 3),
    Sample(ZeroPadding2D(((1, 2), (3, 4))), (5, 5, 2), (8, 12, 2)),
    Sample(NORM, (5, 5, 6), (5, 5, 6), 24, 12, 0, 2 * 5 * 5 * 6),
    Sample(BatchNormalization(center=False), (6,), (6,), 18, 6, 0, 12),
    Sample(Activation("relu"), (5, 5, 6), (5, 5, 6), other_flops=150),
    Sample(Dropout(0.5), (100,), (100,)),
    Sample(Flatten(), (5, 4, 3), (60,)),
    Sample(Dense(10, "softmax"), (60,), (10,), 610, 610, 1200, 10),
    Sample(Dense(10, use_bias=False), (60,), (10,), 600, 600, 1200),
    # The sum alone, then with a projection of 2·4 weights and 4·4 of its norm on a 3×3 map.
    Sample(Residual((NORM,)), (5, 5, 2), (5, 5, 2), other_flops=50),
    Sample(
        Residual((Conv2D(4, 3, 2, "same"),)),
        (5, 5, 2),
        (3, 3, 4),
        8 + 16,
        8 + 8,
        2 * 9 * 8,
        36 + 2 * 36,
    ),
    Sample(Residual((Conv2D(5, 3, 2, "same"),), "identity"), (5, 5, 2), (3, 3, 5), other_flops=45),
    Sample(Repeat(3, (Conv2D(4, 3),)), (9, 9, 1), (3, 3, 4)),
]


def name_of(sample: Sample) -> str:
    return type(sample.layer).__name__


def plan_around(sample: Sample) -> Plan:
    """Return the plan of a network of images that has the layer inside, for its sample input."""
    *sides, channels = sample.input_shape
    before: Layer = Conv2D(channels, 1) if sides else Flatten()
    image = (*sides, 3) if sides else (1, channels, 1)
    network = Network((before, sample.layer, Flatten(), Dense(2)))
    return plan(network, image, 2).require()  # type: ignore[arg-type]
