"""Broken designs: the rows so far, the arithmetic, and fixes that hold when carried out."""

from random import Random

import pytest

import convwise.design.diagnose as diagnosis
from convwise.design import Network, Plan, Problem, plan
from convwise.design.diagnose import diagnose
from convwise.design.trace import Trace, trace


def problem_of(text: str, image: str = "28x28x1", classes: int = 10) -> tuple[Plan, Problem]:
    made = plan(text, image, classes)
    assert made.problem is not None
    return made, made.problem


# Text, layer that cannot be, number of rows before it, part of the message, and for each expected
# fix the text that carries it out.
BROKEN = [
    (
        "conv 8 3 | maxpool 2 | conv 8 3 | maxpool 2 | conv 8 4 | maxpool 3 | flatten | "
        "dense classes",
        "pool3",
        5,
        "a 3×3 window does not fit a 2×2 map (conv3 leaves 2×2×8)",
        {
            "remove pool3": "conv 8 3 | maxpool 2 | conv 8 3 | maxpool 2 | conv 8 4 | flatten | "
            "dense classes",
            'give conv3 padding="same"': "conv 8 3 | maxpool 2 | conv 8 3 | maxpool 2 | "
            "conv 8 4 same | maxpool 3 | flatten | dense classes",
        },
    ),
    (
        "conv 8 3 | dense classes",
        "dense1",
        1,
        "needs flat values, but a 26×26×8 map comes in (conv1 leaves 26×26×8)",
        {
            "put `flatten` before dense1": "conv 8 3 | flatten | dense classes",
            "put `global_avgpool` before dense1": "conv 8 3 | global_avgpool | dense classes",
        },
    ),
    (
        "flatten | conv 8 3 | flatten | dense classes",
        "conv1",
        1,
        "needs a map, but 784 flat values come in (flatten1 leaves 784)",
        {
            "remove conv1": "flatten | flatten | dense classes",
            "remove flatten1": "conv 8 3 | flatten | dense classes",
        },
    ),
    (
        "conv 8 3 | flatten | dense 7",
        "dense1",
        3,
        "ends in 7 values, not in one value for each of 10 classes",
        {
            'give dense1 units="classes"': "conv 8 3 | flatten | dense classes",
            "end with `dense classes`": "conv 8 3 | flatten | dense 7 | dense classes",
        },
    ),
    (
        "conv 8 3 | maxpool 2",
        "pool1",
        2,
        "ends in a 13×13×8 map",
        {
            "end with `global_avgpool | dense classes`": "conv 8 3 | maxpool 2 | global_avgpool | "
            "dense classes"
        },
    ),
    (
        "repeat 9 (conv 8 3 same | maxpool 2) | flatten | dense classes",
        "pool5",
        9,
        "a 2×2 window does not fit a 1×1 map (conv5 leaves 1×1×8)",
        {
            "repeat 4 times instead of 9": "repeat 4 (conv 8 3 same | maxpool 2) | flatten | "
            "dense classes"
        },
    ),
    (
        "conv 8 3 | residual (conv 8 3 2) | flatten | dense classes",
        "add1",
        2,
        "12×12 map, but the shortcut with strides 2×2 leaves 13×13 of 26×26",
        {
            'give conv2 padding="same"': "conv 8 3 | residual (conv 8 3 2 same) | flatten | "
            "dense classes",
        },
    ),
    (
        "conv 9 3 groups=3 | flatten | dense classes",
        "conv1",
        0,
        "groups=3 does not divide the input's channels: 1 / 3 leaves 1 over (the image is 28×28×1)",
        {"give conv1 groups=1": "conv 9 3 | flatten | dense classes"},
    ),
    (
        "maxpool 20 | maxpool 20 | dense classes",
        "pool2",
        1,
        "a 20×20 window does not fit a 1×1 map",
        {"remove pool2 and put `flatten` before dense1": "maxpool 20 | flatten | dense classes"},
    ),
]


@pytest.mark.parametrize(("text", "layer", "rows", "message", "fixes"), BROKEN)
def test_a_broken_design_shows_its_rows_its_arithmetic_and_fixes_that_hold(
    text: str, layer: str, rows: int, message: str, fixes: dict[str, str]
) -> None:
    made, problem = problem_of(text)
    assert problem.layer == layer
    assert len(made.rows) == rows
    assert message in problem.message
    assert 1 <= len(problem.fixes) <= 3
    for fix, repaired in fixes.items():
        assert fix in problem.fixes
        plan(repaired, "28x28x1", 10).require()


def test_where_no_few_edits_help_the_fix_is_to_end_before_the_layer() -> None:
    text = "conv 8 3 | " + "conv 8 40 | maxpool 40 | " * 3 + "flatten | dense classes"
    _, problem = problem_of(text)
    assert problem.fixes == ("end after conv1 with `global_avgpool | dense classes`",)
    plan("conv 8 3 | global_avgpool | dense classes", "28x28x1", 10).require()


LINES = """\
conv 4 3
conv 4 5 2 same
conv 6 3 groups=3
maxpool 3
avgpool 9
flatten
dense 5
dense classes
norm
global_avgpool
zeropad 1
residual (conv 4 3)
residual identity (conv 2 1 2 | conv 1 3)
repeat 7 (conv 4 3 | maxpool 2)
concat (branch (conv 4 3) | branch (conv 4 1))
add (branch (conv 4 3 same) | branch)
depthwise 5 2
separable 4 7
fixed classic
blurpool 5 2 valid
"""


@pytest.mark.parametrize("seed", range(10))
def test_every_fix_of_20_broken_designs_was_tried_and_planned(seed: int) -> None:
    random = Random(seed)
    broken = 0
    while broken < 20:
        lines = random.choices(LINES.splitlines(), k=random.randint(1, 7))
        broken += check_fixes(Network.from_text("\n".join(lines)), random.randint(1, 30))


def check_fixes(network: Network, side: int) -> bool:
    """Return whether the design is broken; if so, each fix has to stand for a plan that is not."""
    image = (side, side, 1)
    traced = trace(network, image, 10)
    if traced.failure is None:
        return False
    planned: list[Network] = []

    def watched(tried: Network, image: tuple[int, int, int], classes: int) -> Trace:
        result = trace(tried, image, classes)
        if result.failure is None:
            planned.append(tried)
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(diagnosis, "trace", watched)
        problem = diagnose(network, image, 10, traced)
    assert 1 <= len(problem.fixes) <= 3
    assert len(set(problem.fixes)) == len(problem.fixes)
    assert len(planned) >= len(problem.fixes)
    assert all(plan(tried, image, 10).problem is None for tried in planned)
    return True


def test_a_fix_inside_a_repeat_says_that_it_holds_for_every_time() -> None:
    _, problem = problem_of("repeat 9 (conv 8 3 | maxpool 2) | flatten | dense classes")
    assert "remove pool3 in every repeat" in problem.fixes
    plan("repeat 9 (conv 8 3) | flatten | dense classes", "28x28x1", 10).require()


def test_a_deep_broken_network_is_diagnosed_soon() -> None:
    made, problem = problem_of("repeat 9000 (conv 4 3) | flatten | dense classes", "64x64x3")
    assert problem.layer == "conv32"
    assert "repeat 31 times instead of 9000" in problem.fixes
    assert len(made.rows) == 31
