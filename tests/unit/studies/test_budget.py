from __future__ import annotations

import pytest

from convwise.studies.budget import USED, Speed, fitted
from convwise.studies.question import Arm, Setting
from convwise.studies.trial import FIXED_SECONDS, Scale

ARMS = [Speed(1e-3, 0.5), Speed(5e-4, 0.5), Speed(2e-3, 0.5, timed=True)]


def seconds(scale: Scale, seeds: int, trainable: int) -> float:
    images = scale.images or trainable
    each = [
        FIXED_SECONDS
        + speed.scoring
        + (scale.seconds if speed.timed else speed.training * images * scale.epochs)
        for speed in ARMS
    ]
    return seeds * sum(each)


@pytest.mark.parametrize("budget", [120.0, 300.0, 1_800.0, 7_200.0])
def test_a_fitted_study_ends_in_time(budget: float) -> None:
    fit = fitted(budget, ARMS, Scale(), 5, 9_000)
    assert seconds(fit.scale, fit.seeds, 9_000) <= USED * budget * 1.01
    assert fit.seeds >= 3


def test_more_time_never_gives_less() -> None:
    fits = [fitted(budget, ARMS, Scale(), 5, 9_000) for budget in (60, 200, 600, 2_000, 9_000)]
    seeds = [fit.seeds for fit in fits]
    assert seeds == sorted(seeds)
    assert fits[-1].given_up == ()
    assert (fits[-1].scale.images, fits[-1].scale.epochs) == (None, 10)


def test_what_is_given_up_is_told() -> None:
    fit = fitted(90, ARMS, Scale(epochs=10), 5, 9_000)
    told = ", ".join(fit.given_up)
    for what in ("of 5 seeds", "of 9,000 training images", "of 10 epochs"):
        assert what in told


def test_a_timed_arm_gets_as_long_as_its_epochs_would_take_on_average() -> None:
    fit = fitted(600, ARMS, Scale(), 3, 9_000)
    images = fit.scale.images or 9_000
    assert fit.scale.seconds == pytest.approx(images * fit.scale.epochs * 2e-3, rel=0.01)


def test_an_arm_names_itself_in_small_letters() -> None:
    with pytest.raises(ValueError, match="small letters"):
        Arm("Max pooling", "lenet")
    assert Arm("max-2", "lenet").plan(Setting((28, 28, 1), ("a", "b"))).classes == 2
