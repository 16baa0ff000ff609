from __future__ import annotations

import pytest

from convwise.studies.budget import USED, Fit, Pace, fitted, given_up
from convwise.studies.question import Arm, Setting
from convwise.studies.timing import Speed
from convwise.studies.trial import Scale
from convwise.training.recipe import Recipe

PACES = [
    Pace(Speed(1.0, 0.01, 1e-3, 0.5)),
    Pace(Speed(1.0, 0.01, 5e-4, 0.5)),
    Pace(Speed(1.0, 0.01, 2e-3, 0.5), timed=True),
]


def seconds(fit: Fit, trainable: int) -> float:
    images = fit.scale.images or trainable
    each = [
        pace.speed.seconds(
            Recipe(time_limit=fit.scale.seconds) if pace.timed else Recipe(epochs=fit.scale.epochs),
            images,
        )
        for pace in PACES
    ]
    return fit.seeds * sum(each)


@pytest.mark.parametrize("places", [1, 2])
@pytest.mark.parametrize("budget", [120.0, 300.0, 1_800.0, 7_200.0])
def test_a_fitted_study_ends_in_time(budget: float, places: int) -> None:
    fit = fitted(budget, PACES, Scale(), 5, 9_000, places)
    assert seconds(fit, 9_000) / places <= USED * budget * 1.01
    assert fit.seeds >= 3


def test_more_time_never_gives_less() -> None:
    fits = [fitted(budget, PACES, Scale(), 5, 9_000) for budget in (60, 200, 600, 2_000, 9_000)]
    seeds = [fit.seeds for fit in fits]
    assert seeds == sorted(seeds)
    assert (fits[-1].scale.images, fits[-1].scale.epochs, fits[-1].seeds) == (None, 10, 5)


def test_where_nothing_fits_it_is_as_small_as_it_gets() -> None:
    fit = fitted(0.0, PACES, Scale(), 5, 9_000)
    assert (fit.scale.images, fit.scale.epochs, fit.seeds) == (200, 1, 2)


def test_what_is_given_up_is_told() -> None:
    wished = Scale(epochs=10)
    told = ", ".join(given_up(fitted(90, PACES, wished, 5, 9_000), wished, 5, 9_000))
    for what in ("of 5 seeds", "of 9,000 training images", "of 10 epochs"):
        assert what in told
    assert given_up(Fit(wished, 5), wished, 5, 9_000) == []


def test_a_timed_arm_gets_as_long_as_its_epochs_would_take_on_average() -> None:
    fit = fitted(600, PACES, Scale(), 3, 9_000)
    images = fit.scale.images or 9_000
    assert fit.scale.seconds == pytest.approx(fit.scale.epochs * (0.01 + images * 2e-3), rel=0.01)


def test_an_arm_names_itself_in_small_letters() -> None:
    with pytest.raises(ValueError, match="small letters"):
        Arm("Max pooling", "lenet")
    assert Arm("max-2", "lenet").plan(Setting((28, 28, 1), ("a", "b"))).classes == 2
