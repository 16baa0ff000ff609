import pytest

from convwise.geometry import (
    Coverage,
    ReceptiveField,
    Slide,
    output_size,
    same_padding,
    window_span,
)


def valid(size: int, kernel: int, stride: int = 1) -> Slide:
    return Slide(kernel, stride, 0, output_size(size, kernel, stride))


def test_same_padding_puts_the_odd_pixel_after() -> None:
    assert same_padding(28, kernel=3, stride=2) == (0, 1)
    assert same_padding(28, kernel=2) == (0, 1)


def test_same_padding_is_nothing_where_the_stride_skips_more_than_the_window_needs() -> None:
    assert same_padding(9, kernel=1, stride=3) == (0, 0)


def test_same_padding_counts_the_gaps_of_a_dilated_window() -> None:
    assert same_padding(28, kernel=3, dilation=4) == (4, 4)


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding", "dilation", "expected"),
    [
        (28, 3, 1, "valid", 1, 26),
        (28, 3, 1, "same", 1, 28),
        (28, 3, 2, "same", 1, 14),
        (29, 3, 2, "same", 1, 15),
        (13, 2, 2, "valid", 1, 6),
        (28, 3, 1, "valid", 2, 24),
        (2, 3, 1, "valid", 1, 0),
    ],
)
def test_output_size(
    size: int, kernel: int, stride: int, padding: str, dilation: int, expected: int
) -> None:
    assert output_size(size, kernel, stride, padding, dilation) == expected  # type: ignore[arg-type]


def test_window_span_counts_gaps() -> None:
    assert window_span(3) == 3
    assert window_span(3, 4) == 9


def test_receptive_field_of_vgg16_is_212_pixels_at_its_last_pooling() -> None:
    field = ReceptiveField()
    for convolutions in (2, 2, 3, 3, 3):
        for _ in range(convolutions):
            field = field.through(kernel=3, before=1)
        field = field.through(kernel=2, stride=2)
    assert (field.size, field.stride) == (212, 32)


def test_union_of_fields_reaches_over_both() -> None:
    wide = ReceptiveField().through(kernel=5, before=2)
    assert ReceptiveField().union(wide) == wide


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
