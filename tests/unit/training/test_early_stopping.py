from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from torch import nn

from convwise.cli.main import run as command
from convwise.data.dataset import Decoded
from convwise.model.modelfile import load_model
from convwise.report import write_report
from convwise.training.early_stopping import EarlyStopping
from convwise.training.progress import EpochRecord
from convwise.training.recipe import Recipe
from convwise.training.train import train

NETWORK = "conv 4 3 same norm relu | flatten | dense classes"


def record(epoch: int, loss: float) -> EpochRecord:
    return EpochRecord(epoch, 1.0, 0.5, loss, 0.5, 0.1, float(epoch), 100.0)


def watched(patience: int | None, *losses: float) -> tuple[EarlyStopping, nn.Linear, int]:
    """Show losses to a watch until it asks to stop; weights of epoch n are all n."""
    stopping, network = EarlyStopping(patience), nn.Linear(2, 1)
    for epoch, loss in enumerate(losses, start=1):
        with torch.no_grad():
            for weight in network.parameters():
                weight.fill_(epoch)
        stopping.observe(record(epoch, loss), network)
        if stopping.requested:
            break
    return stopping, network, epoch


@pytest.mark.parametrize(
    ("patience", "losses", "ends", "best"),
    [
        (1, (3, 2, 2.5, 1), 3, 2),
        (2, (3, 2, 2.5, 1, 4, 4), 6, 4),
        (2, (3, 3, 3, 1), 3, 1),
        (9, (3, 2, 1), 3, 3),
    ],
)
def test_training_stops_when_patience_is_over_and_keeps_the_best(
    patience: int, losses: tuple[float, ...], ends: int, best: int
) -> None:
    stopping, network, epoch = watched(patience, *losses)
    assert epoch == ends
    found = stopping.restore(network)
    assert found is not None
    assert (found.epoch, found.validation_loss) == (best, losses[best - 1])
    assert found.stopped == (ends - best >= patience)
    assert all((weight == best).all() for weight in network.parameters())


def test_without_patience_nothing_is_kept_and_nothing_stops() -> None:
    stopping, network, epoch = watched(None, 3, 4, 5, 6)
    assert epoch == 4
    assert stopping.restore(network) is None
    assert stopping.weights == {}
    assert (network.bias == 4).all()


def test_all_it_knows_can_be_carried_over_to_another() -> None:
    stopping, network, _ = watched(2, 3, 1, 2)
    after = EarlyStopping(2)
    after.weights = dict(stopping.weights)
    after.facts = json.loads(json.dumps(stopping.facts))
    after.observe(record(4, 1.5), network)
    assert after.requested
    assert after.restore(network) is not None
    assert (network.weight == 2).all()


@pytest.fixture(scope="module")
def stopped(decoded: Decoded, tmp_path_factory: pytest.TempPathFactory) -> Any:
    # A rate at which a network that has learnt falls apart again.
    recipe = Recipe(
        epochs=60, batch_size=10, prune_easy=0, patience=2, optimizer="sgd", learning_rate=3.0
    )
    folder = tmp_path_factory.mktemp("early") / "run"
    return train(decoded, NETWORK, recipe, out=folder, precision="fp32", threads=1)


def test_a_run_that_stopped_early_says_so(stopped: Any) -> None:
    facts = json.loads((stopped.folder / "run.json").read_text())
    early = facts["early_stopping"]
    assert facts["status"] == "early stopping"
    assert early["stopped"]
    assert early["patience"] == 2
    assert len(stopped.history) == early["epoch"] + 2
    losses = [each.validation_loss for each in stopped.history]
    assert min(losses) == losses[early["epoch"] - 1] == early["validation_loss"]
    page = write_report(stopped.folder).read_text()
    assert "ended early, as validation got no better," in page
    assert f"has the weights of epoch {early['epoch']}" in page


def test_the_model_of_a_run_that_stopped_early_is_that_of_its_best_epoch(
    stopped: Any, decoded: Decoded
) -> None:
    best = stopped.history[stopped.facts["early_stopping"]["epoch"] - 1]
    assert stopped.validation.accuracy == pytest.approx(best.validation_accuracy)
    assert stopped.validation.figures["unscaled"]["nll"] == pytest.approx(
        best.validation_loss, rel=1e-4
    )
    saved = load_model(stopped.folder).network.state_dict()
    kept = stopped.model.network.state_dict()
    assert all(torch.equal(saved[name], kept[name]) for name in saved)


def test_patience_is_a_flag_of_train(capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["train", "fashion-mini", "--patience", "0"]) == 2
    assert "patience = 0" in capsys.readouterr().err
