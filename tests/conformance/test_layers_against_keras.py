"""Each layer against Keras 3's own on torch, with one set of weights and one input."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import pytest
import torch

from convwise.design import (
    Activation,
    AveragePooling2D,
    BatchNormalization,
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
    SeparableConv2D,
    Shape,
    ZeroPadding2D,
)
from convwise.design.activation import ACTIVATIONS
from convwise.design.registry import KINDS
from convwise.errors import DesignError
from convwise.model.lower import lower
from keras_pair import Pair, is_uneven_average, row_of
from keras_twin import TWINS, channels_first, twin

SIZES = [(7, 7), (8, 8), (11, 6)]
KERNELS = [1, 2, 3, (3, 2), 5]
STRIDES = [1, 2, 3, (2, 1)]
DILATIONS = [2, (1, 3)]
PADDINGS = ["same", "valid"]
CHANNELS = 4

Case = tuple[Layer, Shape]


def slides() -> Iterator[dict[str, Any]]:
    """Kernel, strides and dilation; Keras takes no two of the latter above 1 together."""
    for kernel, padding in itertools.product(KERNELS, PADDINGS):
        for strides in STRIDES:
            yield {"kernel_size": kernel, "strides": strides, "padding": padding}
        for dilation in DILATIONS:
            yield {"kernel_size": kernel, "dilation_rate": dilation, "padding": padding}


def convolutions() -> Iterator[Layer]:
    for slide in slides():
        for groups, bias in ((1, True), (2, False), (CHANNELS, True)):
            yield Conv2D(8, groups=groups, use_bias=bias, **slide)
        for multiplier, bias in ((1, True), (3, False)):
            yield DepthwiseConv2D(depth_multiplier=multiplier, use_bias=bias, **slide)
            yield SeparableConv2D(6, depth_multiplier=multiplier, use_bias=bias, **slide)


def pools() -> Iterator[Layer]:
    for size, strides, padding in itertools.product(KERNELS, [None, *STRIDES], PADDINGS):
        for kind in (MaxPooling2D, AveragePooling2D):
            yield kind(size, strides, padding)  # type: ignore[arg-type]


def fits(case: Case) -> bool:
    layer, shape = case
    try:
        layer.output_shape(shape)
    except DesignError:
        return False
    return True


ALL: list[Case] = [
    (layer, (*size, CHANNELS)) for layer in (*convolutions(), *pools()) for size in SIZES
]
SLIDING = [case for case in ALL if fits(case)]
TOO_SMALL = [case for case in ALL if not fits(case)]


def compared(case: Case, seed: int) -> list[str]:
    pair = Pair(*case, seed=seed)
    return pair.differences(pair.numbers(pair.shape))


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize(
    "kind", [Conv2D, DepthwiseConv2D, SeparableConv2D, MaxPooling2D, AveragePooling2D]
)
def test_a_sliding_layer_is_keras_layer(kind: type[Layer], padding: str) -> None:
    chosen = [
        (number, case)
        for number, case in enumerate(SLIDING)
        if type(case[0]) is kind and case[0].padding == padding  # type: ignore[attr-defined]
    ]
    found = {str(case): compared(case, number) for number, case in chosen}
    assert len(found) == len(chosen) > 50
    assert {case: differs for case, differs in found.items() if differs} == {}


def test_the_combinations_are_told() -> None:
    kinds = Counter(type(layer).__name__ for layer, _ in SLIDING)
    assert len({repr(case) for case in SLIDING}) == len(SLIDING)
    assert sum(kinds.values()) >= 600
    assert kinds == {
        "Conv2D": 519,
        "DepthwiseConv2D": 346,
        "SeparableConv2D": 346,
        "MaxPooling2D": 150,
        "AveragePooling2D": 150,
    }
    assert sum(is_uneven_average(*case) for case in SLIDING) == 38


def test_what_does_not_fit_keras_refuses_too() -> None:
    assert len(TOO_SMALL) == 49
    for layer, shape in TOO_SMALL:
        with pytest.raises(ValueError, match="zero or negative"):
            twin(layer).compute_output_shape((2, *shape))


def test_keras_on_torch_counts_an_odd_column_of_padding_and_tensorflow_does_not() -> None:
    x = torch.arange(1.0, 17.0).reshape(1, 4, 4, 1)
    layer = AveragePooling2D(3, 2, "same")
    ours = lower(row_of(layer, (4, 4, 1)))(channels_first(x))
    assert ours.flatten().tolist() == [6.0, 7.5, 12.0, 13.5]
    # It repeats 4, 8, 12 and 16. Once it gives what TensorFlow gives, UnevenAverage can go.
    wrong = [6.0, 23 / 3, 38 / 3, 43 / 3]
    assert twin(layer)(x).flatten().tolist() == pytest.approx(wrong)


OTHERS: list[Case] = [
    *((Activation(name), shape) for name in ACTIVATIONS for shape in ((4, 5, 3), (7,))),
    *((Dense(units, use_bias=bias), (7,)) for units in (1, 6) for bias in (True, False)),
    *((Dense(5, name), (7,)) for name in ACTIVATIONS),
    *((Conv2D(4, 3, 1, "same", name), (5, 6, 3)) for name in ACTIVATIONS),
    *((DepthwiseConv2D(3, 1, "same", 2, name), (5, 6, 3)) for name in ACTIVATIONS),
    *((SeparableConv2D(4, 3, activation=name), (5, 6, 3)) for name in ACTIVATIONS),
    *((Flatten(), shape) for shape in ((4, 5, 3), (1, 1, 6), (7,))),
    *(
        (kind(), shape)
        for kind in (GlobalAveragePooling2D, GlobalMaxPooling2D)
        for shape in ((4, 5, 3), (1, 1, 6), (1, 7, 2))
    ),
    *((ZeroPadding2D(p), (4, 5, 3)) for p in (0, 1, (2, 0), ((0, 1), (2, 3)))),  # type: ignore[arg-type]
    *(
        (LayerNormalization(epsilon=epsilon, center=center, scale=scale), shape)
        for epsilon in (1e-3, 0.2)
        for center in (True, False)
        for scale in (True, False)
        for shape in ((4, 5, 3), (7,))
    ),
]

NORMS: list[Case] = [
    (BatchNormalization(momentum=momentum, epsilon=epsilon, center=center, scale=scale), shape)
    for momentum, epsilon in ((0.99, 1e-3), (0.5, 0.1), (0.0, 1e-3), (1.0, 1e-5))
    for center, scale in ((True, True), (False, True), (True, False), (False, False))
    for shape in ((4, 5, 3), (7,))
]


@pytest.mark.parametrize("case", [*OTHERS, *NORMS], ids=repr)
def test_a_layer_is_keras_layer(case: Case) -> None:
    pair = Pair(*case)
    for scale in (1, 4):
        assert pair.differences(scale * pair.numbers(pair.shape)) == []


@pytest.mark.parametrize("case", NORMS, ids=repr)
def test_normalisation_is_keras_through_three_steps_of_training(case: Case) -> None:
    pair = Pair(*case, images=6)
    for step in (1, 2, 3):
        assert pair.differences(step * pair.numbers(pair.shape) + step, training=True) == []
    state = pair.ours.state_dict()
    for variable in pair.theirs.non_trainable_weights:
        np.testing.assert_allclose(
            state[variable.name].numpy(), variable.value.detach().numpy(), rtol=1e-5, atol=1e-6
        )
    # What three steps have left is what prediction then uses.
    assert pair.differences(pair.numbers(pair.shape)) == []


def test_every_layer_that_keras_has_is_compared() -> None:
    assert {type(layer) for layer, _ in (*SLIDING, *OTHERS, *NORMS)} == set(TWINS) - {Dropout}
    assert {kind.__name__ for kind in KINDS if hasattr(keras.layers, kind.__name__)} == {
        *(kind.__name__ for kind in TWINS),
        "Add",
        "Concatenate",
    }
