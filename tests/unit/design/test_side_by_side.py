from __future__ import annotations

import pytest

from convwise.design.plan import plan
from convwise.design.side_by_side import compare, learnt_depth
from convwise.errors import OptionError


@pytest.mark.parametrize(
    ("name", "depth"),
    [("resnet20", 20), ("resnet18", 18), ("resnet50", 50), ("vgg16", 16), ("lenet", 5)],
)
def test_depth_is_the_number_in_the_name(name: str, depth: int) -> None:
    size = "224x224x3" if name in ("resnet18", "resnet50", "vgg16") else "32x32x3"
    assert learnt_depth(plan(name, size, 10)) == depth


@pytest.mark.parametrize(
    ("text", "depth"),
    [
        ("separable 8 3 | flatten | dense classes", 3),
        ("fixed sobel | flatten | dense classes", 1),
        ("concat (branch (conv 8 1) | branch (conv 8 1 | conv 8 1)) | flatten | dense classes", 3),
        ("residual (norm) | flatten | dense classes", 1),
    ],
)
def test_depth_counts_learnt_kernels_on_the_longest_way(text: str, depth: int) -> None:
    assert learnt_depth(plan(text, "8x8x1", 3)) == depth


def test_a_broken_design_counts_the_rows_that_it_has() -> None:
    broken = plan("conv 8 3 | conv 8 99 | flatten | dense classes", "8x8x1", 3)
    first, second = compare(broken, plan("dense", "8x8x1", 3)).designs
    assert first.layers == 1
    assert first.output_shape == (6, 6, 8)
    assert first.problem is not None
    assert first.problem.startswith("conv2: ")
    assert second.problem is None
    assert second.receptive_field is None


def test_the_batch_is_checked() -> None:
    made = plan("dense", "8x8x1", 3)
    with pytest.raises(OptionError, match="batch is 0"):
        compare(made, made, batch=0)
