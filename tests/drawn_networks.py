"""Networks drawn at random, with every layer that Keras has, from one seed."""

from __future__ import annotations

import random
from collections.abc import Callable

from convwise.design import (
    Activation,
    Add,
    AveragePooling2D,
    BatchNormalization,
    Concatenate,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    Layer,
    LayerNormalization,
    MaxPooling2D,
    Network,
    Plan,
    Residual,
    SeparableConv2D,
    Shape,
    ZeroPadding2D,
    plan,
)
from convwise.design.activation import ACTIVATIONS
from convwise.errors import DesignError

MOST_LAYERS = 12
CLASSES = 5


class Drawing:
    """Draws networks that fit their image, from one seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def network(self) -> Plan:
        """Return a plan of at most MOST_LAYERS layers, those inside blocks among them."""
        sides = self.random.randint(9, 20), self.random.randint(9, 20)
        shape: Shape = (*sides, self.random.choice((1, 3)))
        layers, _ = self.chain(shape, self.random.randint(3, MOST_LAYERS - 3), self.any_layer)
        kinds = (Flatten, GlobalAveragePooling2D, GlobalMaxPooling2D)
        layers = (*layers, self.random.choice(kinds)())
        if self.random.random() < 0.5:
            layers = (*layers, Dense(self.random.randint(2, 9), self.activation()))
        last = Dense("classes", self.random.choice((None, "softmax")))
        return plan(Network((*layers, last)), shape, CLASSES).require()  # type: ignore[arg-type]

    def chain(
        self, shape: Shape, most: int, draw: Callable[[Shape, int], Layer]
    ) -> tuple[tuple[Layer, ...], Shape]:
        layers: list[Layer] = []
        while (left := most - sum(layer.count for layer in layers)) > 0:
            layer = draw(shape, left)
            try:
                shape = layer.output_shape(shape)
            except DesignError:
                continue
            layers.append(layer)
        return tuple(layers), shape

    def any_layer(self, shape: Shape, left: int) -> Layer:
        if left >= 4 and self.random.random() < 0.35:
            return self.block(shape, left - 1)
        return self.random.choice((self.sliding, self.sliding, self.keeping))(shape, left)

    def block(self, shape: Shape, left: int) -> Layer:
        kind = self.random.choice((Residual, Add, Concatenate))
        chain, _ = self.chain(shape, min(left, 2), self.sliding if kind is Residual else self.same)
        if kind is Residual:
            return Residual(chain, self.random.choice(("projection", "identity")))
        if kind is Add:
            return Add((chain, (Conv2D(chain[-1].output_shape(shape)[-1], 1),)))
        return Concatenate((chain, ()))

    def same(self, shape: Shape, left: int) -> Layer:
        return Conv2D(self.random.choice((2, 4, 6)), 3, 1, "same", self.activation())

    def sliding(self, shape: Shape, left: int) -> Layer:
        draw = self.random
        window = (draw.choice((1, 2, 3, (3, 2), 5)), draw.choice((1, 1, 2, (1, 2))))
        padding = draw.choice(("same", "same", "valid"))
        bias, filters = draw.random() < 0.5, draw.choice((2, 4, 6, 8))
        kind = draw.choice(
            (Conv2D, Conv2D, DepthwiseConv2D, SeparableConv2D, MaxPooling2D, AveragePooling2D)
        )
        if kind in (MaxPooling2D, AveragePooling2D):
            return kind(draw.choice((2, 3)), window[1], padding)
        if kind is Conv2D:
            groups = draw.choice([g for g in (1, 2, 3) if shape[2] % g == filters % g == 0])
            return Conv2D(filters, *window, padding, self.activation(), bias, groups=groups)
        if kind is DepthwiseConv2D:
            multiplier = draw.choice((1, 2)) if shape[2] < 20 else 1
            return DepthwiseConv2D(*window, padding, multiplier, self.activation(), bias)
        activation = self.activation()
        return SeparableConv2D(filters, *window, padding, activation=activation, use_bias=bias)

    def keeping(self, shape: Shape, left: int) -> Layer:
        sides = tuple(self.random.randint(0, 2) for _ in range(4))
        return self.random.choice(
            (
                ZeroPadding2D((sides[:2], sides[2:])),  # type: ignore[arg-type]
                BatchNormalization(scale=self.random.random() < 0.8),
                LayerNormalization(center=self.random.random() < 0.8),
                Activation(self.random.choice(ACTIVATIONS)),
                Dropout(0.3),
            )
        )

    def activation(self) -> str | None:
        return self.random.choice((None, *ACTIVATIONS))
