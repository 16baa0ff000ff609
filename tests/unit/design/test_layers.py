"""Every layer of the table against what was added up by hand, and arguments that cannot be."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from inspect import isabstract
from typing import Any

import pytest

from convwise.design import (
    Activation,
    AveragePooling2D,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    Layer,
    MaxPooling2D,
    Network,
    Repeat,
    Residual,
    Shape,
    ZeroPadding2D,
    plan,
)
from convwise.design.registry import KINDS, layer_from_dict
from convwise.errors import DesignError
from layer_table import NORM, TABLE, Sample, name_of


def concrete(kind: type[Layer]) -> set[type[Layer]]:
    found = {inner for child in kind.__subclasses__() for inner in concrete(child)}
    # A class that is only there to be inherited from has no word in the notation.
    ours = kind.__module__.startswith("convwise.") and hasattr(kind, "word")
    return found | ({kind} if ours and not isabstract(kind) else set())


def test_the_table_and_the_registry_hold_every_kind_of_layer() -> None:
    assert {type(sample.layer) for sample in TABLE} == concrete(Layer) == set(KINDS)


@pytest.mark.parametrize("sample", TABLE, ids=name_of)
def test_shape_weights_and_operations(sample: Sample) -> None:
    layer, shape = sample.layer, sample.input_shape
    weights = layer.weights(shape)
    assert layer.output_shape(shape) == sample.output_shape
    assert sum(weight.size for weight in weights) == sample.params
    assert sum(weight.size for weight in weights if weight.trainable) == sample.trainable
    assert (layer.flops(shape), layer.other_flops(shape)) == (sample.flops, sample.other_flops)


@pytest.mark.parametrize("sample", TABLE, ids=name_of)
def test_text_and_json_round_trip(sample: Sample) -> None:
    network = Network((sample.layer,))
    assert Network.from_text(network.to_text()) == network
    assert layer_from_dict(sample.layer.to_dict()) == sample.layer


@pytest.mark.parametrize("sample", TABLE, ids=name_of)
def test_layers_are_frozen_equal_and_hashable(sample: Sample) -> None:
    copy = layer_from_dict(sample.layer.to_dict())
    assert len({copy, sample.layer}) == 1
    with pytest.raises(FrozenInstanceError):
        sample.layer.stem = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("sample", "wrong"),
    [
        (Conv2D(3, 3), (10,)),
        (Conv2D(3, 3), (2, 9, 1)),
        (Conv2D(4, 1, groups=2), (9, 9, 3)),
        (MaxPooling2D(3), (2, 2, 8)),
        (MaxPooling2D(3), (8,)),
        (AveragePooling2D(2), (1, 8, 1)),
        (GlobalAveragePooling2D(), (8,)),
        (GlobalMaxPooling2D(), (8,)),
        (ZeroPadding2D(), (8,)),
        (Dense(3), (8, 8, 1)),
        (Residual((Conv2D(3, 3),)), (8, 8, 3)),
        (Residual((Conv2D(2, 3, padding="same"),), "identity"), (8, 8, 3)),
        (Residual((Flatten(),)), (8, 8, 3)),
        (Residual((Dense(4),)), (8,)),
        (Repeat(4, (Conv2D(3, 3),)), (8, 8, 3)),
    ],
    ids=repr,
)
def test_an_input_that_a_layer_cannot_take_is_a_design_error(sample: Layer, wrong: Shape) -> None:
    with pytest.raises(DesignError) as caught:
        sample.output_shape(wrong)
    assert caught.value.layer is None


NOT_SIZES: list[Any] = [0, -1, 1.5, 3.0, "3", True, None, 10**9, 10**30, float("nan"), [1]]


@pytest.mark.parametrize("value", NOT_SIZES, ids=repr)
@pytest.mark.parametrize(
    ("kind", "name", "others"),
    [
        (Conv2D, "filters", {"kernel_size": 3}),
        (Conv2D, "kernel_size", {"filters": 3}),
        (Conv2D, "strides", {"filters": 3, "kernel_size": 3}),
        (Conv2D, "dilation_rate", {"filters": 3, "kernel_size": 3}),
        (Conv2D, "groups", {"filters": 3, "kernel_size": 3}),
        (MaxPooling2D, "pool_size", {}),
        (AveragePooling2D, "pool_size", {}),
        (Dense, "units", {}),
        (Repeat, "times", {"layers": (Flatten(),)}),
    ],
)
def test_sizes_are_whole_positive_and_bounded(
    kind: Any, name: str, others: dict[str, Any], value: Any
) -> None:
    with pytest.raises(DesignError, match=f"{kind.__name__}: {name} is ") as caught:
        kind(**others, **{name: value})
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    "make",
    [
        lambda: Conv2D(3, (3, 3, 3)),  # type: ignore[arg-type]
        lambda: Conv2D(3, 3, padding="full"),  # type: ignore[arg-type]
        lambda: Conv2D(3, 3, activation="rleu"),
        lambda: Conv2D(3, 3, use_bias=1),  # type: ignore[arg-type]
        lambda: Conv2D(4, 3, groups=3),
        lambda: Conv2D(4, 3, 2, dilation_rate=2),
        lambda: Activation("swish-ish"),
        lambda: Activation(None),  # type: ignore[arg-type]
        lambda: Dropout(1.0),
        lambda: Dropout(-0.1),
        lambda: Dropout("0.5"),  # type: ignore[arg-type]
        lambda: Dropout(True),
        lambda: BatchNormalization(momentum=1.5),
        lambda: BatchNormalization(epsilon=0),
        lambda: BatchNormalization(epsilon=float("nan")),
        lambda: ZeroPadding2D(-1),
        lambda: ZeroPadding2D(((1, 2, 3), (1, 2))),  # type: ignore[arg-type]
        lambda: ZeroPadding2D((1, 2, 3)),  # type: ignore[arg-type]
        lambda: Dense("class"),  # type: ignore[arg-type]
        lambda: Residual(()),
        lambda: Residual((3,)),  # type: ignore[arg-type]
        lambda: Residual(Flatten()),  # type: ignore[arg-type]
        lambda: Residual((Flatten(),), "none"),  # type: ignore[arg-type]
        lambda: Repeat(2, ()),
        lambda: Repeat(5_000, (Flatten(), Flatten(), Flatten())),
        lambda: Repeat(9_999, (Repeat(9_999, (Flatten(),)),)),
    ],
)
def test_arguments_that_cannot_be_are_design_errors(make: Any) -> None:
    with pytest.raises(DesignError) as caught:
        make()
    assert caught.value.layer


def test_an_unknown_activation_is_answered_with_the_nearest() -> None:
    with pytest.raises(DesignError, match="did you mean relu"):
        Conv2D(3, 3, activation="rleu")


def test_one_number_and_a_pair_of_it_are_the_same_layer() -> None:
    assert Conv2D(3, 3) == Conv2D(3, (3, 3)) == Conv2D(3, [3, 3])  # type: ignore[arg-type]
    assert ZeroPadding2D(2) == ZeroPadding2D((2, 2)) == ZeroPadding2D(((2, 2), (2, 2)))


def test_defaults_are_those_of_keras_3() -> None:
    assert Conv2D(8, 3).to_dict() == {
        "layer": "Conv2D",
        "filters": 8,
        "kernel_size": [3, 3],
        "strides": [1, 1],
        "padding": "valid",
        "activation": None,
        "use_bias": True,
        "dilation_rate": [1, 1],
        "groups": 1,
    }
    assert (NORM.momentum, NORM.epsilon, NORM.center, NORM.scale) == (0.99, 1e-3, True, True)
    assert MaxPooling2D().window().strides == (2, 2)
    assert ZeroPadding2D().border == ((1, 1), (1, 1))


def test_a_projection_is_listed_on_the_row_of_its_sum() -> None:
    row = plan("residual (conv 4 3 2 same) | flatten | dense classes", "8x8x3", 2).rows[1]
    assert [(weight.name, weight.shape) for weight in row.weights] == [
        ("projection.kernel", (4, 3, 1, 1)),
        ("projection.gamma", (4,)),
        ("projection.beta", (4,)),
        ("projection.moving_mean", (4,)),
        ("projection.moving_variance", (4,)),
    ]


def test_a_shortcut_takes_the_strides_of_the_whole_chain() -> None:
    chain = (Conv2D(4, 3, 2, "same"), Repeat(2, (MaxPooling2D((2, 1)),)))
    assert Residual(chain).total_strides() == (8, 2)


def test_classes_become_a_number_in_blocks_too() -> None:
    block = Repeat(2, (Residual((Dense("classes"),)),))
    assert block.resolve(7) == Repeat(2, (Residual((Dense(7),)),))


def test_units_that_are_no_number_yet_are_told() -> None:
    with pytest.raises(DesignError, match="resolve"):
        Dense("classes").output_shape((8,))
