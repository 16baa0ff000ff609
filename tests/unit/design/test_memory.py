import pytest

from convwise.design import plan
from convwise.design.memory import Memory, activation_memory
from convwise.errors import OptionError


def values(text: str, image: str = "4x4x1") -> Memory:
    """In values of one image instead of bytes."""
    return activation_memory(plan(text, image, 2).require(), bytes_per_value=1)


def test_training_keeps_the_image_and_each_output_once() -> None:
    found = values("conv 3 3 same relu | maxpool 2 | flatten | dense classes")
    assert found.training == 16 + 48 + 12 + 12 + 2


def test_prediction_holds_the_largest_input_and_output_together() -> None:
    found = values("conv 3 3 same relu | maxpool 2 | flatten | dense classes")
    assert found.prediction == 16 + 48


def test_a_residual_keeps_its_input_waiting() -> None:
    text = "conv 2 1 | {} | global_avgpool | dense classes"
    alone = values(text.format("conv 8 3 same | conv 2 3 same"))
    around = values(text.format("residual (conv 8 3 same | conv 2 3 same)"))
    assert alone.prediction == 16 * (8 + 2)
    assert around.prediction == 16 * (2 + 8 + 2)


def test_a_projection_makes_two_maps_more() -> None:
    text = "residual {}(conv 2 3 2 same) | global_avgpool | dense classes"
    # image, convolution, sum, pooled, classes; then the projection's convolution and its norm.
    assert values(text.format("")).training == 16 + 8 + 8 + 2 + 2 + 16
    assert values(text.format("identity ")).training == 16 + 8 + 8 + 2 + 2
    assert values(text.format("")).prediction == 16 + 8 + 8 + 8


def test_ends_of_finished_branches_wait_for_the_last() -> None:
    text = "concat (branch (conv 3 1) | branch (conv 9 1 | conv 1 1)) | global_avgpool | dense 2"
    image, first, wide, last = 16, 48, 144, 16
    assert values(text).prediction == image + first + wide + last


def test_an_empty_branch_is_the_input_itself_and_counts_once() -> None:
    text = "add (branch | branch (conv 1 3 same)) | global_avgpool | dense 2"
    assert values(text).prediction == 16 + 16 + 16


def test_blocks_in_blocks_keep_all_their_inputs() -> None:
    inner = "residual (conv 1 1 | conv 5 1 | conv 1 1)"
    found = values(f"residual (conv 1 1 | {inner}) | global_avgpool | dense 2")
    outer_input, inner_input, before, wide = 16, 16, 16, 80
    assert found.prediction == outer_input + inner_input + before + wide


def test_the_middle_of_a_separable_convolution_is_a_tensor_too() -> None:
    found = values("separable 2 3 same depth_multiplier=4 | global_avgpool | dense 2")
    assert found == Memory(training=16 + 64 + 32 + 2 + 2, prediction=16 + 64 + 32)


def test_memory_grows_with_the_batch_and_the_width_of_a_value() -> None:
    made = plan("lenet", "28x28x1", 10)
    one = activation_memory(made)
    assert activation_memory(made, batch=64) == Memory(one.training * 64, one.prediction * 64)
    assert activation_memory(made, bytes_per_value=2).training * 2 == one.training


def test_vgg16_predicts_with_its_two_largest_maps() -> None:
    made = plan("vgg16", "224x224x3", 1000)
    assert activation_memory(made).prediction == 2 * 224 * 224 * 64 * 4


@pytest.mark.parametrize("batch", [0, -1, 1.5, True, "8", 10**9])
def test_a_batch_that_cannot_be_is_an_option_error(batch: int) -> None:
    with pytest.raises(OptionError, match="batch is"):
        activation_memory(plan("lenet", "28x28x1", 10), batch)
