"""Border coverage against gradients: with all weights 1, they count the windows of each pixel."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from convwise.design import (
    Add,
    AveragePooling2D,
    BatchNormalization,
    BlurPool2D,
    Concatenate,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    FixedFilters,
    GlobalAveragePooling2D,
    Layer,
    MaxPooling2D,
    Network,
    Plan,
    Residual,
    SeparableConv2D,
    Shape,
    ZeroPadding2D,
    plan,
)
from convwise.design.border import border_coverage_map
from convwise.errors import DesignError
from linear_network import seen_from_image

DESIGNS = 40


class Drawing:
    """Draws small designs whose every channel has one filter, so that windows count once."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def design(self) -> Plan:
        shape: Shape = (self.random.randint(8, 18), self.random.randint(8, 18), 1)
        layers = self.chain(shape, self.random.randint(3, 7), self.any_layer)
        return plan(
            Network((*layers, GlobalAveragePooling2D(), Dense(2))),
            shape,  # type: ignore[arg-type]
            2,
        ).require()

    def chain(self, shape: Shape, count: int, draw: Callable[[Shape], Layer]) -> tuple[Layer, ...]:
        layers: list[Layer] = []
        while len(layers) < count:
            layer = draw(shape)
            try:
                shape = layer.output_shape(shape)
            except DesignError:
                continue
            layers.append(layer)
        return tuple(layers)

    def any_layer(self, shape: Shape) -> Layer:
        if self.random.random() < 0.4:
            return self.block(shape)
        return self.sliding(shape)

    def block(self, shape: Shape) -> Layer:
        chain = self.chain(shape, self.random.randint(1, 2), self.sliding)
        kind = self.random.choice((Residual, Residual, Add, Concatenate))
        if kind is Residual:
            return Residual(chain, self.random.choice(("projection", "identity")))
        # The other way takes the whole chain's strides in one step, so that they often meet.
        strides = Residual(chain).total_strides()
        return kind((chain, (Conv2D(1, self.random.randint(1, 5), strides, "same"),)))

    def sliding(self, shape: Shape) -> Layer:
        draw = self.random
        padding = draw.choice(("same", "same", "valid"))
        kernel = (draw.randint(1, 5), draw.randint(1, 4))
        strides, dilation = draw.choice(((1, 1), (1, 1), (2, 1), ((1, 2), 1), (1, 2)))
        size = draw.randint(2, 3)
        sides = tuple(draw.randint(0, 2) for _ in range(4))
        return draw.choice(
            (
                Conv2D(1, kernel, strides, padding, "relu", dilation_rate=dilation),
                DepthwiseConv2D(kernel, strides, padding, dilation_rate=dilation),
                SeparableConv2D(1, kernel, strides, padding, dilation_rate=dilation),
                FixedFilters("gaussian", strides, padding),
                MaxPooling2D(size, draw.choice((None, 1, 2)), padding),
                AveragePooling2D(size, draw.choice((None, 1, 3)), padding),
                BlurPool2D(3, draw.choice((1, 2)), padding),
                ZeroPadding2D((sides[:2], sides[2:])),  # type: ignore[arg-type]
                BatchNormalization(),
            )
        )


DRAWING = Drawing(seed=7)
PLANS = [DRAWING.design() for _ in range(DESIGNS)]


def windows_of_each_pixel(made: Plan) -> np.ndarray:
    image, last = seen_from_image(made)
    last.sum().backward()
    assert image.grad is not None
    counts: np.ndarray = image.grad[0, 0].numpy()
    assert (counts == counts.round()).all()
    return counts


def test_the_designs_hold_blocks_and_every_layer_with_a_window() -> None:
    kinds = Counter(type(row.layer) for made in PLANS for row in made.rows)
    assert {Residual, Add, Concatenate, ZeroPadding2D} <= kinds.keys()
    with_windows = {
        kind
        for made in PLANS
        for row in made.rows
        if row.layer.window()
        for kind in (type(row.layer),)
    }
    assert len(with_windows) == 7
    assert min(kinds.values()) >= 5
    assert sum(made.extractor[-1].border_coverage is not None for made in PLANS) >= 30
    assert sum(any(row.branches for row in made.tree) for made in PLANS) >= DESIGNS // 2


@pytest.mark.parametrize("made", PLANS, ids=range(DESIGNS))
def test_the_corner_and_the_centre_are_counted_as_the_gradient_counts_them(made: Plan) -> None:
    counts = windows_of_each_pixel(made)
    height, width, _ = made.image
    corner, centre = counts[0, 0], counts[height // 2, width // 2]
    found = made.extractor[-1].border_coverage
    if not centre:
        assert found is None
        return
    assert found == pytest.approx(corner / centre, rel=1e-12)


@pytest.mark.parametrize("made", PLANS, ids=range(DESIGNS))
def test_the_map_counts_every_pixel_as_the_gradient_does(made: Plan) -> None:
    counts = windows_of_each_pixel(made)
    np.testing.assert_allclose(border_coverage_map(made), counts / max(counts.max(), 1), atol=1e-12)
