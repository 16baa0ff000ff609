"""Random whole networks against the same ones written with Keras's own layers."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import keras
import pytest
import torch

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
    Row,
    SeparableConv2D,
    Shape,
    ZeroPadding2D,
    plan,
)
from convwise.design.activation import ACTIVATIONS
from convwise.errors import DesignError
from convwise.model.build import ConvNet, build
from keras_pair import UnevenAverage, is_uneven_average
from keras_twin import TWINS, channels_last, drawn, give_weights, twin

NETWORKS = 100
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


class KerasNetwork:
    """The network of a plan, written with keras.layers."""

    def __init__(self, made: Plan, ours: ConvNet) -> None:
        self.ours = ours
        self.tensors: dict[str, Any] = {}
        image = keras.Input(made.image)
        self.model = keras.Model(image, self.chain(made.tree, image))

    def chain(self, rows: Sequence[Row], x: Any) -> Any:
        for row in rows:
            branches = [self.chain(branch, x) for branch in row.branches]
            x = self.tensors[row.name] = self.row(row, x, branches)
        return x

    def row(self, row: Row, x: Any, branches: list[Any]) -> Any:
        match row.layer:
            case Residual():
                return keras.layers.Add()([branches[0], self.shortcut(row, row.layer, x)])
            case Add():
                return keras.layers.Add()(branches)
            case Concatenate():
                return keras.layers.Concatenate()(branches)
        return self.ready(row.layer, row.input_shape, row.name)(x)

    def shortcut(self, row: Row, layer: Residual, x: Any) -> Any:
        """He et al. 2015, section 4.1: nothing, option B or option A."""
        before, after = row.input_shape, row.output_shape
        if before == after:
            return x
        strides = layer.total_strides()
        if layer.shortcut == "projection":
            convolution = Conv2D(after[-1], 1, strides, use_bias=False)
            prefix = f"{row.name}.projection"
            x = self.ready(convolution, before, prefix, ["kernel"])(x)
            return self.ready(BatchNormalization(), after, prefix, NORM_WEIGHTS)(x)
        x = keras.layers.MaxPooling2D(1, strides)(x)
        more = after[-1] - before[-1]
        return keras.ops.pad(x, [(0, 0), (0, 0), (0, 0), (more // 2, more - more // 2)])

    def ready(
        self, layer: Layer, shape: Shape, prefix: str, names: Sequence[str] | None = None
    ) -> Any:
        if is_uneven_average(layer, shape):
            return UnevenAverage(layer, shape)  # type: ignore[arg-type]
        module = self.ours.get_submodule(prefix)
        made = twin(layer)
        made.build((None, *shape))
        state = module.state_dict()
        give_weights(layer, {name: state[name] for name in names or state}, made)
        return made


NORM_WEIGHTS = ("gamma", "beta", "moving_mean", "moving_variance")


DRAWING = Drawing(seed=11)
PLANS = [DRAWING.network() for _ in range(NETWORKS)]


def test_the_networks_hold_every_layer_that_keras_has() -> None:
    kinds = Counter(type(row.layer) for made in PLANS for row in made.rows)
    assert kinds.keys() == {*TWINS, Residual, Add, Concatenate}
    assert min(kinds.values()) >= 10
    assert len({made.network for made in PLANS}) == NETWORKS
    assert max(len(made.rows) for made in PLANS) == MOST_LAYERS


@pytest.mark.parametrize("made", PLANS, ids=range(NETWORKS))
def test_a_network_is_the_one_that_keras_builds(made: Plan) -> None:
    generator = torch.Generator().manual_seed(len(made.rows))
    ours = build(made).eval()
    drawn(ours.state_dict(), generator)
    theirs = KerasNetwork(made, ours)
    assert {name: tensor.shape[1:] for name, tensor in theirs.tensors.items()} == {
        row.name: row.output_shape for row in made.rows
    }
    assert theirs.model.count_params() == made.total_params
    trained = sum(variable.value.numel() for variable in theirs.model.trainable_weights)
    assert trained == made.trainable_params

    height, width, channels = made.image
    images = torch.randn(3, channels, height, width, generator=generator)
    with torch.no_grad():
        found = ours(images)
        if getattr(made.rows[-1].layer, "activation", None) == "softmax":
            found = torch.softmax(found, dim=1)  # a network of ours ends in logits
        expected = theirs.model(channels_last(images), training=False)
    scale = expected.abs().max()
    assert scale > 1e-6
    assert float((found - expected).abs().max() / scale) <= 1e-4
