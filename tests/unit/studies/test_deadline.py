from __future__ import annotations

import pytest

from convwise.studies.deadline import SURE, Deadline
from convwise.studies.question import Arm, Setting
from convwise.studies.trial import Scale, Trial

SETTING = Setting((28, 28, 1), ("a", "b"))


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def trial(arm: str = "a", seed: int = 0) -> Trial:
    return Trial("q", Arm(arm, "lenet"), seed, SETTING, Scale())


def test_a_deadline_allows_what_ends_in_time() -> None:
    clock = Clock()
    deadline = Deadline(60.0, clock=clock)
    deadline.foresee({("q", "a"): 20.0})
    assert deadline.allows(trial())
    clock.now += 41.0
    assert not deadline.allows(trial())
    assert deadline.left == pytest.approx(19.0)


def test_time_that_was_spent_before_counts() -> None:
    assert Deadline(60.0, spent=15.0, clock=Clock()).share_spent == pytest.approx(0.25)


def test_without_a_budget_there_is_no_end() -> None:
    deadline = Deadline(None, clock=Clock())
    assert deadline.allows(trial())
    assert deadline.share_spent == 0.0
    assert not deadline.too_late_for([trial()], 1)


def test_a_slow_machine_is_learnt_for_all_arms_and_a_slow_arm_for_itself() -> None:
    deadline = Deadline(3_600.0, clock=Clock())
    deadline.foresee({("q", name): 10.0 for name in "abcdef"})
    for name in "abc":
        deadline.learn(trial(name), 20.0)
    assert deadline.seconds_of(trial("f")) == pytest.approx(20.0)
    deadline.learn(trial("d"), 60.0)
    assert deadline.seconds_of(trial("d")) == pytest.approx(60.0)
    assert deadline.seconds_of(trial("f")) == pytest.approx(20.0)
    assert deadline.slowness(("q", "d")) == pytest.approx(6.0)


def test_what_nobody_foresaw_is_learnt_from_the_first_trial() -> None:
    deadline = Deadline(None, clock=Clock())
    assert deadline.seconds_of(trial()) == 0.0
    deadline.learn(trial(), 7.0)
    assert deadline.seconds_of(trial(seed=1)) == pytest.approx(7.0)
    assert deadline.seconds_of(trial("b")) == pytest.approx(7.0), "as others, until it is known"


def test_early_two_seeds_have_to_fit_and_later_one() -> None:
    clock = Clock()
    deadline = Deadline(100.0, clock=clock)
    deadline.foresee({("q", name): 10.0 for name in "abcdef"})
    missing = [trial(name, seed) for seed in range(3) for name in "abcdef"]
    assert not deadline.too_late_for(missing, 1), "nothing was learnt yet"
    for name in "abc"[:SURE]:
        deadline.learn(trial(name), 10.0)
    assert deadline.too_late_for(missing, 1)
    assert not deadline.too_late_for(missing, 2)
    clock.now += 35.0
    assert not deadline.too_late_for(missing, 1)
    clock.now += 10.0
    assert deadline.too_late_for(missing, 1)
    assert not deadline.too_late_for(missing[6:], 1), "every arm has a trial"
