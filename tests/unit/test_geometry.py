import pytest

from convwise.geometry import (
    ReceptiveField,
    Slide,
    output_size,
    same_padding,
    window_span,
)


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


def test_the_centre_of_a_field_is_its_middle_pixel_or_between_two() -> None:
    assert ReceptiveField().through(kernel=3).centre == 1
    assert ReceptiveField().through(kernel=3, before=1).centre == 0
    assert ReceptiveField().through(kernel=2, stride=2).centre == 0.5


def test_a_slide_spans_its_gaps_and_keeps_places_only_where_it_changes_nothing() -> None:
    assert Slide(kernel=3, stride=1, before=4, outputs=9, dilation=4).span == 9
    assert Slide(kernel=1, stride=1, before=0, outputs=9).keeps(9)
    assert not Slide(kernel=1, stride=1, before=0, outputs=9).keeps(10)
    assert not Slide(kernel=1, stride=2, before=0, outputs=5).keeps(5)
    assert not Slide(kernel=3, stride=1, before=1, outputs=9).keeps(9)
