import numpy as np
import pytest

from convwise.design import Conv2D, Dense, GlobalAveragePooling2D, Network, Repeat, plan
from convwise.design.border import border_coverage_map
from convwise.errors import DesignError


def test_a_valid_window_counts_up_to_its_size_from_the_border() -> None:
    found = border_coverage_map(plan("conv 1 3 | flatten | dense classes", "5x7x1", 2))
    rows, columns = np.array([1, 2, 3, 2, 1]), np.array([1, 2, 3, 3, 3, 2, 1])
    np.testing.assert_allclose(found, np.outer(rows, columns) / 9)


def test_same_padding_lets_the_border_take_part_in_more_windows() -> None:
    text = "repeat 3 (conv 1 3 {}) | flatten | dense classes"
    same, valid = (
        border_coverage_map(plan(text.format(padding), "13x13x1", 2))
        for padding in ("same", "valid")
    )
    assert valid[0, 0] == pytest.approx(1 / 27**2)
    assert same[0, 0] > 10 * valid[0, 0]


def test_pixels_between_strides_count_nothing() -> None:
    found = border_coverage_map(plan("conv 1 1 2 | flatten | dense classes", "4x4x1", 2))
    assert found.tolist() == [[1, 0, 1, 0], [0] * 4, [1, 0, 1, 0], [0] * 4]


def test_a_design_without_an_extractor_uses_each_pixel_once() -> None:
    assert (border_coverage_map(plan("dense", "4x6x1", 2)) == np.ones((4, 6))).all()


@pytest.mark.parametrize("name", ["resnet20", "mobilenetv2", "vgg16"])
def test_the_map_agrees_with_the_figure_of_the_last_row(name: str) -> None:
    made = plan(name, "96x64x3", 10)
    found = border_coverage_map(made)
    assert found.shape == (96, 64)
    assert found.max() == 1
    assert found[0, 0] / found[48, 32] == pytest.approx(made.extractor[-1].border_coverage)


def test_a_broken_design_has_no_map() -> None:
    with pytest.raises(DesignError, match="dense1"):
        border_coverage_map(plan("conv 8 3 | dense classes", "28x28x1", 10))


def test_a_map_that_would_take_minutes_is_refused_with_its_size() -> None:
    chain = (Conv2D(4, 3, padding="same"),)
    network = Network((Repeat(9_998, chain), GlobalAveragePooling2D(), Dense("classes")))
    with pytest.raises(DesignError, match="224×224 image would touch more than"):
        border_coverage_map(plan(network, "224x224x3", 10))
