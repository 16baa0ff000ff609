import pytest

from convwise.design import plan, zoo
from convwise.design.advice import advise
from convwise.errors import OptionError


def told(text: str, image: str = "28x28x1", object_size: int | None = None) -> dict[str, str]:
    return {
        advice.layer: advice.message
        for advice in advise(plan(text, image, 10).require(), object_size)
    }


DENSE_HEADS = {"lenet", "lenet-5", "alexnet", "vgg11", "vgg13", "vgg16", "vgg19", "dense"}


@pytest.mark.parametrize("name", zoo.names())
def test_networks_of_the_zoo_are_warned_of_their_dense_heads_only(name: str) -> None:
    entry = zoo.entry(name)
    found = advise(plan(entry.network, entry.image, entry.classes))
    assert [advice.layer for advice in found] == ["dense1"] * (name in DENSE_HEADS)
    assert all("would hold" in advice.message for advice in found)


def test_a_field_smaller_than_a_third_of_the_image_is_told() -> None:
    found = told("conv 8 3 relu | conv 8 3 relu | norm | global_avgpool | dense classes")
    assert list(found) == ["conv2"]
    assert "5×5 pixels, less than the 9 of" in found["conv2"]


def test_the_size_of_the_object_decides_where_it_is_given() -> None:
    text = "conv 8 3 relu | conv 8 3 relu | global_avgpool | dense classes"
    assert not told(text, object_size=5)
    assert "less than the 6 of the object" in told(text, object_size=6)["conv2"]
    with pytest.raises(OptionError, match="object_size is 0"):
        told(text, object_size=0)


def test_a_field_many_times_the_image_is_told_with_the_layer_that_filled_it() -> None:
    text = "conv 4 3 2 same relu | repeat {} (conv 4 3 same relu) | global_avgpool | dense classes"
    message = told(text.format(32), "16x12x1")["conv33"]
    assert "131×131 pixels, 8 times the 16×12 image, which conv5 filled" in message
    assert not told(text.format(31), "16x12x1")


def test_a_dense_layer_with_most_weights_is_told_with_its_size_for_twice_the_image() -> None:
    message = told("lenet")["dense1"]
    bigger = plan("lenet", "56x56x1", 10).rows
    there = next(row.params for row in bigger if row.name == "dense1")
    assert "48,120 of 61,706 weights, 78 %" in message
    assert f"would hold {there:,} for 56×56 images" in message
    assert "global_avgpool" in message


def test_dense_layers_alone_are_told_to_take_convolutions() -> None:
    assert told("dense")["dense1"].endswith("put convolutions and pooling before it")


def test_a_dense_layer_that_does_not_grow_is_told_to_shrink_unless_it_is_the_last() -> None:
    wide = told("conv 8 9 relu | global_avgpool | dense 4096 relu | dense classes")
    assert not wide
    middle = told("conv 8 9 relu | global_avgpool | dense 900 relu | dense 900 relu | dense 10")
    assert middle["dense2"].endswith("%; give it fewer units")
    assert not told("conv 8 9 relu | global_avgpool | dense classes")


def test_a_dense_layer_too_large_for_twice_the_image_says_so() -> None:
    found = told("conv 8 99 same relu | flatten | dense 8192 relu | dense classes", "112x112x1")
    assert "could not be built for 224×224 images" in found["dense1"]


def test_a_map_of_one_value_before_a_convolution_is_told() -> None:
    text = "conv 8 9 same relu | maxpool 28 | conv 8 {} same relu | global_avgpool | dense classes"
    found = told(text.format(3))
    assert "pool1 has shrunk the map to 1×1, so 8 of the 9 values" in found["conv2"]
    # A 1×1 convolution of one value is a dense layer, which is fine.
    assert not told(text.format(1))


def test_a_stride_larger_than_its_window_is_told_with_the_share_that_is_lost() -> None:
    text = "conv 8 {} relu | conv 8 3 same relu | global_avgpool | dense classes"
    found = told(text.format("2x2 4x4"), "16x16x1")
    assert "stride of 4×4 is larger than its 2×2 window, so 75 % of the 16×16" in found["conv1"]
    found = told(text.format("2x3 4x1"), "16x16x1")
    assert "so 50 % of the 16×16" in found["conv1"]
    assert not told(text.format("2x2 2x2"), "16x16x1")


@pytest.mark.parametrize(
    "text",
    [
        "conv 8 9 | conv 8 3 | global_avgpool | dense classes",
        "conv 8 9 | norm | avgpool 2 | dropout 0.5 | global_avgpool | dense classes | softmax",
        "residual (conv 8 9 same | conv 8 3 same) | global_avgpool | dense classes",
        "fixed sobel | conv 8 9 | global_avgpool | dense classes relu",
    ],
)
def test_a_network_in_which_nothing_bends_is_told_as_one(text: str) -> None:
    found = told(text)
    assert [message for message in found.values() if "one weighted sum of the pixels" in message]
    assert not [message for message in found.values() if "what one layer could" in message]


def test_two_layers_with_nothing_between_are_told_once_for_all() -> None:
    text = "conv 8 9 | norm | conv 8 3 relu | conv 8 3 | avgpool 2 | conv 8 3 relu"
    found = told(f"{text} | global_avgpool | dense classes")
    assert list(found) == ["conv2"]
    assert "between conv1 and this layer" in found["conv2"]
    assert "(and 1 more such pairs)" in found["conv2"]


@pytest.mark.parametrize(
    "between",
    ["conv 8 3 | maxpool 2", "conv 8 3 relu", "conv 8 3 | tanh", "conv 8 3 | layernorm"],
)
def test_what_bends_between_two_layers_is_enough(between: str) -> None:
    assert not told(f"conv 8 9 relu | {between} | conv 8 3 relu | global_avgpool | dense classes")


@pytest.mark.parametrize(
    "pair",
    ["depthwise 3 | conv 16 1 relu", "conv 4 1 | conv 16 3 relu", "conv 16 1 | depthwise 3 relu"],
)
def test_splits_that_save_weights_need_nothing_between(pair: str) -> None:
    assert not told(f"conv 8 9 relu | {pair} | global_avgpool | dense classes")


def test_softmax_regression_and_a_broken_design_are_not_warned_of_linearity() -> None:
    assert "weighted sum" not in str(told("flatten | dense classes | softmax"))
    assert advise(plan("conv 8 3 | dense classes", "28x28x1", 10)) == ()


def test_a_huge_window_and_stride_are_judged_at_once() -> None:
    text = "conv 1 1x16384 2x1 same relu | global_avgpool | dense classes"
    assert "50 %" in told(text, "64x64x1")["conv1"]
