import numpy as np
import pytest

from convwise.design import (
    Conv2D,
    Dense,
    GlobalAveragePooling2D,
    MaxPooling2D,
    Network,
    Repeat,
    plan,
)
from convwise.errors import DesignError, NotationError, OptionError
from convwise.image import ImageFormat


def test_lenet_has_61706_weights() -> None:
    assert plan("lenet", "28x28x1", 10).total_params == 61_706


def test_the_keras_convnet_has_34826_weights() -> None:
    assert plan("keras-convnet", "28x28x1", 10).total_params == 34_826


def test_rows_are_named_by_stem_and_order() -> None:
    names = [row.name for row in plan("fast", "28x28x1", 10).rows]
    assert names[:6] == ["conv1", "pool1", "norm1", "activation1", "conv2", "pool2"]
    assert names[-6:] == ["conv4", "norm4", "activation4", "add1", "global_pool1", "dense1"]


def test_rows_of_a_block_stand_before_it_and_its_tree_holds_them() -> None:
    made = plan("residual (conv 1 3 same | relu) | flatten | dense classes", "8x8x1", 2)
    assert [row.name for row in made.rows] == [
        "conv1",
        "activation1",
        "add1",
        "flatten1",
        "dense1",
    ]
    assert [row.name for row in made.tree] == ["add1", "flatten1", "dense1"]
    assert [row.name for row in made.tree[0].branches[0]] == ["conv1", "activation1"]


def test_repeated_layers_appear_as_often_as_they_run() -> None:
    made = plan("repeat 2 (repeat 3 (conv 4 3 same)) | flatten | dense classes", "8x8x1", 2)
    assert [row.name for row in made.rows[:6]] == [f"conv{number}" for number in range(1, 7)]
    assert [row.params for row in made.rows[:6]] == [40, *[148] * 5]


def test_layers_of_rows_have_numbers_for_classes() -> None:
    assert plan("dense", "28x28x1", 7).rows[-1].layer == Dense(7)


def test_fields_and_coverage_end_where_places_end() -> None:
    rows = plan("keras-convnet", "28x28x1", 10).rows
    assert [row.receptive_field for row in rows] == [(3, 3), (4, 4), (8, 8), (10, 10)] + [None] * 3
    assert rows[0].border_coverage == pytest.approx(1 / 9)
    assert [row.border_coverage for row in rows[4:]] == [None] * 3


def test_a_row_knows_the_stride_and_the_centre_of_what_its_places_see() -> None:
    rows = plan("conv 4 3 2 same | maxpool 2x1 | flatten | dense classes", "9x8x1", 10).rows
    assert [row.receptive_stride for row in rows] == [(2, 2), (4, 2), None, None]
    # 9 rows need one zero on each side, 8 columns only one at the right.
    assert [row.receptive_centre for row in rows] == [(0.0, 1.0), (1.0, 1.0), None, None]
    assert rows[0].field is not None
    assert [axis.start for axis in rows[0].field] == [-1, 0]


def test_the_extractor_ends_where_places_end() -> None:
    made = plan("keras-convnet", "28x28x1", 10)
    assert [row.name for row in made.extractor] == ["conv1", "pool1", "conv2", "pool2"]
    assert plan("dense", "28x28x1", 10).extractor == ()


def test_branches_of_a_block_that_cannot_be_finished_each_start_where_it_does() -> None:
    made = plan(
        "conv 4 3 same | repeat 2 (conv 4 3 same) | concat (branch (conv 4 5 2 same)"
        " | branch (conv 4 3 same | dense 3)) | flatten | dense classes",
        "16x16x1",
        10,
    )
    assert made.problem is not None
    assert made.problem.layer == "dense1"
    assert [row.receptive_field for row in made.rows] == [(n, n) for n in (3, 5, 7, 11, 9)]
    assert [row.receptive_stride for row in made.rows][-2:] == [(2, 2), (1, 1)]


def test_a_shortcut_adds_to_the_coverage() -> None:
    made = plan("residual (conv 1 3 same) | flatten | dense classes", "9x9x1", 2)
    assert made.rows[0].border_coverage == pytest.approx(4 / 9)
    assert made.rows[1].border_coverage == pytest.approx(5 / 10)


def test_zero_padding_moves_a_receptive_field_but_does_not_widen_it() -> None:
    made = plan("zeropad 1 | conv 1 3 | flatten | dense classes", "9x9x1", 2)
    same = plan("conv 1 3 same | flatten | dense classes", "9x9x1", 2)
    assert made.rows[1].receptive_field == same.rows[0].receptive_field
    assert made.rows[1].border_coverage == same.rows[0].border_coverage


@pytest.mark.parametrize("image", ["32x24x3", (32, 24, 3), ImageFormat(32, 24, 3)])
def test_an_image_may_be_text_a_shape_or_a_format(image: str) -> None:
    assert plan("vgg-small", image, 10).image == (32, 24, 3)


@pytest.mark.parametrize(
    "image", ["28", "0x28x1", (28, 28), (28.0, 28, 1), (28, 28, 2), (-1, 28, 1), None, "9x9x9x9"]
)
def test_an_image_that_cannot_be_is_an_option_error(image: str) -> None:
    with pytest.raises(OptionError):
        plan("lenet", image, 10)


@pytest.mark.parametrize("classes", [0, 1, -3, 2.5, True, "10", 10**9])
def test_classes_that_cannot_be_are_an_option_error(classes: int) -> None:
    with pytest.raises(OptionError):
        plan("lenet", "28x28x1", classes)


def test_numbers_of_numpy_are_numbers() -> None:
    assert plan("lenet", (np.int64(28), 28, 1), np.int64(10)).image == (28, 28, 1)  # type: ignore[arg-type]


def test_wrong_words_raise_instead_of_becoming_a_problem() -> None:
    with pytest.raises(NotationError):
        plan("conv 3", "28x28x1", 10)


def test_require_returns_a_sound_plan_and_raises_on_a_broken_one() -> None:
    sound = plan("lenet", "28x28x1", 10)
    assert sound.require() is sound
    with pytest.raises(DesignError, match="pool1: a 3×3 window does not fit a 2×2 map") as caught:
        plan("maxpool 3 | flatten | dense classes", "2x2x1", 10).require()
    assert caught.value.layer == "pool1"
    assert "remove pool1" in caught.value.fixes


def test_output_shape_is_the_last_row_or_the_image() -> None:
    assert plan("lenet", "28x28x1", 10).output_shape == (10,)
    assert plan("dense classes", "28x28x1", 10).output_shape == (28, 28, 1)


def test_ten_thousand_layers_plan_without_end_of_memory_or_patience() -> None:
    chain = (Conv2D(4, 3, padding="same"),)
    network = Network((Repeat(9_998, chain), GlobalAveragePooling2D(), Dense("classes")))
    made = plan(network, "224x224x3", 10).require()
    assert len(made.rows) == 10_000
    # Counting stops at its budget; the receptive field goes on.
    assert made.rows[9_000].border_coverage is None
    assert made.rows[9_000].receptive_field == (18_003, 18_003)


def test_maps_and_weights_too_large_for_any_machine_are_a_problem() -> None:
    for text, layer in (
        ("zeropad 16384 | zeropad 16384 | flatten | dense classes", "zeropad2"),
        ("conv 65536 1 | conv 65536 1 | flatten | dense classes", "conv2"),
        ("flatten | dense 65536 | dense 65536 | dense classes", "dense2"),
    ):
        made = plan(text, "28x28x1", 10)
        assert made.problem is not None
        assert made.problem.layer == layer
        assert "2,147,483,647" in made.problem.message


def test_a_pool_of_a_thousand_pixels_is_told_with_its_numbers() -> None:
    made = plan(Network((MaxPooling2D(1_000), Dense("classes"))), "28x28x1", 10)
    assert made.problem is not None
    assert "1000×1000" in made.problem.message
    assert made.rows == ()
