from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convwise.cli.find_lr import training_command
from convwise.cli.main import run as command
from convwise.data.dataset import Decoded
from convwise.errors import TrainingError
from convwise.report.rate_page import rate_page
from convwise.training.rate_range import STEPS, RateRange, _judged, _Smoothed, find_learning_rate
from convwise.training.recipe import Recipe

NETWORK = "conv 4 3 same norm relu | flatten | dense classes"


def search(decoded: Decoded, **settings: Any) -> RateRange:
    settings = {"batch_size": 10, "optimizer": "sgd"} | settings
    return find_learning_rate(decoded, NETWORK, Recipe(**settings), threads=1)


@pytest.fixture(scope="module")
def found(decoded: Decoded) -> RateRange:
    return search(decoded)


def test_rates_rise_by_the_same_factor_and_losses_belong_to_them(found: RateRange) -> None:
    factors = np.divide(found.rates[1:], found.rates[:-1])
    assert factors == pytest.approx(factors[0])
    assert found.rates[0] == pytest.approx(1e-5)
    assert len(found.rates) == len(found.losses) == len(found.smoothed) <= STEPS
    assert all(math.isfinite(loss) for loss in found.losses)


def test_the_suggestion_lies_where_the_loss_still_falls(found: RateRange) -> None:
    assert 1e-4 < found.suggested < found.lowest_at
    if found.diverged_at is not None:
        assert found.lowest_at < found.diverged_at
    at = found.smoothed[found.rates.index(found.lowest_at)]
    assert at == min(found.smoothed) < 0.8 * found.smoothed[0]


@pytest.mark.parametrize(("optimizer", "share"), [("muon", 1), ("sgd", 1 / 3), ("adamw", 1 / 5)])
def test_the_suggestion_is_a_share_of_the_lowest_that_suits_the_optimizer(
    optimizer: str, share: float
) -> None:
    losses = _Smoothed()
    for loss in (3.0, 2.0, 1.0, 4.0):
        losses.add(loss)
    judged = _judged(losses, np.array([0.1, 0.2, 0.3, 0.4]), "data", "net", optimizer)
    assert judged.lowest_at == 0.3
    assert judged.suggested == pytest.approx(0.3 * share, rel=0.05)
    assert judged.rule.endswith("the rate at which the smoothed loss is lowest")


def test_the_test_repeats_to_the_bit(decoded: Decoded, found: RateRange) -> None:
    again = search(decoded)
    assert (again.losses, again.suggested) == (found.losses, found.suggested)


def test_mixing_and_weights_take_part(decoded: Decoded) -> None:
    mixed = search(decoded, mixup=0.5, balance="weights")
    assert mixed.losses != search(decoded).losses


def test_a_loss_that_runs_away_ends_the_test_and_tells_where() -> None:
    losses = _Smoothed()
    for step in range(60):
        losses.add(2.0 - 0.03 * step if step < 40 else 2.0 ** (step - 36))
        if losses.ran_away:
            break
    judged = _judged(losses, np.geomspace(1e-5, 10, STEPS), "data", "net", "sgd")
    assert judged.diverged_at is not None
    assert judged.suggested < judged.lowest_at < judged.diverged_at
    assert len(judged.rates) < 60


def test_a_loss_that_is_no_number_later_on_is_left_out() -> None:
    losses = _Smoothed()
    for loss in (3.0, 2.0, 1.0, math.nan):
        losses.add(loss)
    judged = _judged(losses, np.geomspace(1e-5, 10, STEPS), "data", "net", "sgd")
    assert len(judged.losses) == 3
    assert judged.diverged_at is not None


def test_a_loss_that_never_is_a_number_is_an_error() -> None:
    losses = _Smoothed()
    losses.add(math.nan)
    with pytest.raises(TrainingError, match="from the first step on"):
        _judged(losses, np.geomspace(1e-5, 10, STEPS), "data", "net", "sgd")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("train d --find-lr", "convwise train d --lr 0.02"),
        ("train d --lr 3 --find-lr --json", "convwise train d --lr 0.02"),
        ("train --out=x d --find-lr --lr=3 --seed 4", "convwise train d --seed 4 --lr 0.02"),
    ],
)
def test_the_command_to_train_with_is_that_of_the_search(arguments: str, expected: str) -> None:
    assert training_command(arguments.split(), 0.02) == expected


def test_the_page_holds_chart_and_numbers_and_asks_for_nothing(found: RateRange) -> None:
    page = rate_page(found, "convwise train <data> --lr 0.01")
    assert page.count("<svg") == 1
    assert "convwise train &lt;data&gt;" in page
    assert "http" not in page.replace("http-equiv", "")


def test_the_command_writes_a_page_and_keeps_nothing_else(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    search = ["train", "fashion-mini", "--network", "flatten | dense classes", "--threads", "1"]
    monkeypatch.setattr("sys.argv", ["convwise", *search, "--find-lr", "--json"])
    assert command([*search, "--find-lr", "--json", "--no-cache"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["page"] == "runs/fashion-mini-custom-lr-1/lr.html"
    assert [path.name for path in here.rglob("*") if path.is_file()] == ["lr.html"]
    assert told["command"].endswith(f"--lr {told['suggested']:g}")
    assert len(told["steps"]) > 20
    assert command([*search, "--find-lr", "--no-cache", "--out", "lr"]) == 0
    out = capsys.readouterr().out
    assert "suggested --lr" in out
    assert "█" in out
    assert (here / "lr" / "lr.html").is_file()
    assert command([*search, "--find-lr", "--out", "lr"]) == 2
    assert "exists; runs are never overwritten" in capsys.readouterr().err
    assert command([*search, "--find-lr", "--dry-run"]) == 2
