import numpy as np
import pytest

from convwise.design.counting import Coverage, PathCounts
from convwise.geometry import Slide, output_size


def valid(size: int, kernel: int, stride: int = 1) -> Slide:
    return Slide(kernel, stride, 0, output_size(size, kernel, stride))


def test_a_valid_3x3_window_covers_the_corner_once_and_the_centre_nine_times() -> None:
    coverage = Coverage.of_image(28, 28).through(valid(28, 3), valid(28, 3))
    assert coverage is not None
    assert coverage.ratio == pytest.approx(1 / 9)


def test_same_padding_covers_the_corner_four_times() -> None:
    slide = Slide(kernel=3, stride=1, before=1, outputs=28)
    coverage = Coverage.of_image(28, 28).through(slide, slide)
    assert coverage is not None
    assert coverage.ratio == pytest.approx(4 / 9)


def test_coverage_is_none_where_the_centre_takes_part_in_no_window() -> None:
    coverage = Coverage.of_image(3, 3).through(valid(3, 1, 2), valid(3, 1, 2))
    assert coverage is not None
    assert coverage.ratio is None


def test_coverage_of_a_thousand_layers_does_not_overflow() -> None:
    slide = Slide(kernel=3, stride=1, before=1, outputs=16)
    coverage: Coverage | None = Coverage.of_image(16, 16)
    for _ in range(1000):
        assert coverage is not None
        coverage = coverage.through(slide, slide)
    assert coverage is not None
    assert coverage.ratio is not None
    assert 0 < coverage.ratio < 0.1


def test_coverage_stops_at_its_budget_instead_of_working_for_minutes() -> None:
    slide = Slide(kernel=9_999, stride=1, before=4_999, outputs=16_384)
    assert Coverage.of_image(16_384, 16_384).through(slide, slide) is None


def test_a_window_of_one_value_costs_no_budget() -> None:
    start = Coverage.of_image(28, 28)
    assert start.through(valid(28, 1), valid(28, 1)) is start


def test_counts_of_different_scales_add_up() -> None:
    small = PathCounts(np.array([[8.0]]), exponent=0, bits=4)
    large = PathCounts(np.array([[2.0]]), exponent=3, bits=2)
    both = small.plus(large)
    assert np.ldexp(both.values, both.exponent).tolist() == [[24.0]]


def test_a_small_count_stays_exact_beside_a_huge_one() -> None:
    # A running sum would lose the 1 beside 2**60.
    counts = PathCounts(np.array([[2.0**60, 1.0, 0.0]]), bits=61)
    row, columns = Slide(1, 1, 0, 1), Slide(kernel=1, stride=1, before=0, outputs=3)
    assert counts.back(row, columns, (1, 3)).values.tolist() == [[2.0**60, 1.0, 0.0]]
    wide = Slide(kernel=2, stride=1, before=0, outputs=3)
    assert counts.back(row, wide, (1, 4)).values[0, 2:].tolist() == [1.0, 0.0]


def test_counts_backward_through_a_thousand_layers_do_not_overflow() -> None:
    slide = Slide(kernel=3, stride=1, before=1, outputs=16)
    counts, forward = PathCounts.of_map(16, 16), Coverage.of_image(16, 16)
    for _ in range(1000):
        counts = counts.back(slide, slide, (16, 16))
        moved = forward.through(slide, slide)
        assert moved is not None
        forward = moved
    assert np.isfinite(counts.values).all()
    assert counts.values[0, 0] / counts.values[8, 8] == pytest.approx(forward.ratio, rel=1e-9)
