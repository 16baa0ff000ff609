"""Random whole networks against the same ones written with Keras's own layers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import keras
import pytest
import torch

from convwise.design import (
    Add,
    BatchNormalization,
    Concatenate,
    Conv2D,
    Layer,
    Plan,
    Residual,
    Row,
    Shape,
)
from convwise.model.build import ConvNet, build
from drawn_networks import MOST_LAYERS, Drawing
from keras_pair import UnevenAverage, is_uneven_average
from keras_twin import TWINS, channels_last, drawn, give_weights, twin

NETWORKS = 100


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
