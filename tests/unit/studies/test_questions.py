from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from convwise.design.conv import Conv2D
from convwise.errors import OptionError
from convwise.studies import questions
from convwise.studies.question import Arm, Question, Setting
from convwise.studies.registry import all_questions, chosen_questions
from convwise.studies.task import Shape

TEN = (
    "dense-or-conv",
    "position",
    "weights",
    "structure",
    "filters",
    "stride",
    "padding",
    "pooling",
    "stride-or-pool",
    "family",
)
SETTINGS = [
    Setting((28, 28, 1), tuple("abcdefghij")),
    Setting((32, 32, 3), ("cat", "dog")),
    Setting((16, 24, 3), ("a", "b", "c")),
]
ALL = list(all_questions().values())


def arms_of(name: str, setting: Setting = SETTINGS[0]) -> dict[str, Arm]:
    return {arm.name: arm for arm in all_questions()[name].arms(setting)}


def test_the_ten_questions_stand_in_their_order() -> None:
    assert tuple(all_questions()) == TEN


@pytest.mark.parametrize("question", ALL, ids=lambda question: question.name)
def test_a_question_says_what_it_claims_and_how_to_read_it(question: Question) -> None:
    for text in (question.title, question.claim, question.source, question.equal):
        assert text.strip()
    assert question.title.endswith("?")
    assert any(character.isdigit() for character in question.source), "a source has a year"


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: "x".join(map(str, setting.image)))
@pytest.mark.parametrize("question", ALL, ids=lambda question: question.name)
def test_every_arm_fits_and_every_comparison_names_arms_and_test_sets(
    question: Question, setting: Setting
) -> None:
    arms = {arm.name: arm for arm in question.arms(setting)}
    assert len(arms) == len(question.arms(setting))
    images = np.random.default_rng(0).integers(0, 256, (4, *setting.image), dtype=np.uint8)
    labels = np.zeros(4, np.int64)
    tests: dict[str, set[str]] = {}
    for arm in arms.values():
        plan = arm.plan(setting)
        pixels, taught = arm.task.training(images, labels, seed=0)
        assert pixels.shape == (4, *plan.image)
        assert taught.shape == (4,)
        sets = list(arm.task.tests(images, labels))
        assert all(view.shape == (4, *plan.image) for each in sets for view in each.views)
        tests[arm.name] = {each.name for each in sets}
    comparisons = question.comparisons(setting)
    assert bool(comparisons) == bool(arms) == (question.compute is None)
    for comparison in comparisons:
        assert set(comparison.tests) <= tests[comparison.arm] & tests[comparison.baseline]
    if question.curve is not None:
        curve = question.curve(setting)
        assert all(set(curve.tests.values()) <= each for each in tests.values())


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: "x".join(map(str, setting.image)))
def test_dense_and_convolutional_arms_cost_the_same(setting: Setting) -> None:
    arms = arms_of("dense-or-conv", setting)
    conv = arms["conv"].plan(setting)
    by_params = arms["dense-equal-params"].plan(setting)
    by_flops = arms["dense-equal-flops"].plan(setting)
    # A hidden unit more or less is as near as it gets.
    unit = by_params.rows[1].params // by_params.rows[1].output_shape[0]
    nearest = unit / 2 + len(setting.classes)
    assert by_params.total_params == pytest.approx(conv.total_params, abs=nearest)
    assert by_flops.total_flops == pytest.approx(conv.total_flops, rel=0.01)


@pytest.mark.parametrize(
    ("name", "groups"),
    [
        ("stride", [("stride-1", "stride-2", "stride-3")]),
        ("padding", [("same-middle", "valid-middle", "same-border", "valid-border")]),
        ("pooling", [("max", "average", "none")]),
        (
            "stride-or-pool",
            [("model-c", "strided-cnn-c"), ("convpool-cnn-c", "all-cnn-c")],
        ),
        ("structure", [("conv", "conv-permuted"), ("dense", "dense-permuted")]),
    ],
)
def test_arms_that_are_said_to_have_equal_parameters_have(
    name: str, groups: list[tuple[str, ...]]
) -> None:
    arms = arms_of(name)
    for group in groups:
        assert len({arms[arm].plan(SETTINGS[0]).total_params for arm in group}) == 1


def test_springenbergs_pairs_have_equal_depth() -> None:
    def depth(name: str) -> int:
        rows = arms_of("stride-or-pool")[name].plan(SETTINGS[0]).rows
        return sum(isinstance(row.layer, Conv2D) for row in rows)

    assert depth("model-c") == depth("strided-cnn-c")
    assert depth("convpool-cnn-c") == depth("all-cnn-c") == depth("model-c") + 2


def test_fixed_filters_are_as_many_and_as_large_as_the_learnt_ones() -> None:
    arms = arms_of("filters")
    for place in ("first", "all"):
        plans = {kind: arms[f"{kind}-{place}"].plan(SETTINGS[0]) for kind in ("picked", "random")}
        learnt = arms[f"learnt-{place}"].plan(SETTINGS[0])
        for fixed in plans.values():
            assert fixed.rows[0].output_shape == learnt.rows[0].output_shape
            assert fixed.rows[0].trainable_params == 0 < learnt.rows[0].trainable_params
            assert fixed.rows[0].weights[0].shape == learnt.rows[0].weights[0].shape


@pytest.mark.parametrize("image", [(28, 28, 1), (40, 64, 3)])
def test_moved_objects_stay_whole_at_every_offset(image: Shape) -> None:
    setting = Setting(image, ("a", "b"))
    task = arms_of("position", setting)["dense"].task
    pixels = np.random.default_rng(1).integers(1, 256, (3, *image), dtype=np.uint8)
    for tests in task.tests(pixels, np.zeros(3, np.int64)):
        for view in tests.views:
            assert int((view > 0).sum()) == pixels.size


def test_a_question_that_is_unknown_is_told_with_the_nearest() -> None:
    with pytest.raises(OptionError, match="did you mean position"):
        chosen_questions(["positions"])


NEW = '''
"""Does one more file make one more question?"""

from convwise.studies.question import Arm, Comparison, Question

QUESTION = Question(
    name="one-more",
    title="Does one more file make one more question?",
    claim="It does.",
    source="this test, 2025",
    equal="All.",
    metric="Accuracy.",
    reading="It is listed.",
    arms=lambda setting: (Arm("first", "lenet"), Arm("second", "dense")),
    comparisons=lambda setting: (Comparison("second", "first"),),
)
'''


def test_a_new_question_is_one_new_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "one_more.py").write_text(NEW, encoding="utf-8")
    monkeypatch.setattr(questions, "__path__", [*questions.__path__, str(tmp_path)])
    try:
        assert tuple(all_questions()) == (*TEN, "one-more")
        assert chosen_questions(["one-more"])[0].claim == "It does."
    finally:
        sys.modules.pop("convwise.studies.questions.one_more", None)


def test_every_question_has_its_place_in_the_guide() -> None:
    guide = (Path(__file__).parents[3] / "docs" / "guide" / "study.md").read_text(encoding="utf-8")
    for name in TEN:
        assert f"`{name}`" in guide
