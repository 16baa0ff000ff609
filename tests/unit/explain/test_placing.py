from __future__ import annotations

import numpy as np
import pytest

from convwise.design.plan import plan
from convwise.explain.placing import on_image
from convwise.explain.receptive import box_of


@pytest.mark.parametrize(
    "text", ["conv 4 3", "conv 4 3 2 same", "conv 4 5 2 | maxpool 2", "maxpool 3 2 same"]
)
def test_each_place_lies_in_the_middle_of_what_it_sees(text):
    row = plan(f"{text} | flatten | dense classes", "23x17x1", 2).require().extractor[-1]
    rows, columns = row.output_shape[:2]
    assert row.field is not None
    for place in ((0, 0), (rows - 1, columns - 1), (rows // 2, columns // 3)):
        values = np.zeros((rows, columns))
        values[place] = 1.0
        laid = on_image(values, row, (23, 17))
        box = box_of(row, place, (23, 17))
        middle = (box.top + (box.height - 1) / 2, box.left + (box.width - 1) / 2)
        if all(part.is_integer() for part in middle):
            assert laid[int(middle[0]), int(middle[1])] == 1.0
        else:
            # Between two pixels: both have as much of it.
            around = laid[int(middle[0]) : int(middle[0]) + 2, int(middle[1]) : int(middle[1]) + 2]
            assert around.max() == laid.max()


def test_one_value_everywhere_stays_that_value():
    row = plan("conv 4 5 3 | flatten | dense classes", "20x11x1", 2).require().extractor[-1]
    laid = on_image(np.full(row.output_shape[:2], 0.7), row, (20, 11))
    np.testing.assert_allclose(laid, 0.7)
