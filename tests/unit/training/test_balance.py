from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from convwise.data.batches import Batch
from convwise.data.dataset import Decoded
from convwise.data.store import PixelStore
from convwise.training.balance import ClassSizes
from convwise.training.loop import TrainingLoop
from convwise.training.progress import Watcher
from convwise.training.recipe import Balance, Recipe
from convwise.training.train import train

NETWORK = "conv 4 3 same norm relu | dropout 0.2 | flatten | dense classes"
NAMES = ("cat", "dog", "emu")


def sizes(*counts: int) -> ClassSizes:
    return ClassSizes(np.array(counts), NAMES)


def test_weights_let_all_classes_add_up_to_the_same() -> None:
    found = sizes(80, 20, 10)
    weights = found.weights()
    assert (weights * found.counts) == pytest.approx([110 / 3] * 3)
    assert (weights * found.counts).sum() / 110 == pytest.approx(1)


def test_a_class_without_images_has_no_say() -> None:
    found = sizes(30, 0, 10)
    assert found.ratio == 3
    assert found.weights().tolist() == pytest.approx([2 / 3, 0, 2])
    assert "an image of emu 2 times and one of cat 0.667 times" in str(found.told("weights"))


@pytest.mark.parametrize(
    ("counts", "asked", "chosen", "told"),
    [
        ((14, 10, 12), "auto", "none", None),
        ((14, 10, 12), "none", "none", None),
        ((15, 10, 12), "auto", "weights", "class sizes differ 1.5 to 1: the loss weighs all"),
        ((80, 10, 12), "sampling", "sampling", "8 to 1: an epoch draws all classes equally often"),
        ((80, 10, 12), "none", "none", "8 to 1; --balance auto makes all classes count alike"),
        ((14, 10, 12), "weights", "weights", "1.4 to 1: the loss weighs all classes alike"),
    ],
)
def test_what_is_done_about_unequal_classes_is_told(
    counts: tuple[int, ...], asked: Balance, chosen: Balance, told: str | None
) -> None:
    found = sizes(*counts)
    assert found.resolve(asked) == chosen
    if told is None:
        assert found.told(asked) is None
    else:
        assert told in str(found.told(asked))


def loop(weights: list[float] | None, smoothing: float) -> Any:
    part: Any = object.__new__(TrainingLoop)
    part.recipe = Recipe(label_smoothing=smoothing)
    part.class_weights = None if weights is None else torch.tensor(weights)
    return part


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_each_label_of_a_mixed_image_has_the_weight_of_its_class(smoothing: float) -> None:
    logits = torch.tensor([[2.0, 0.0, -1.0], [0.0, 1.0, 0.5]])
    labels, partners = torch.tensor([0, 1]), torch.tensor([2, 1])
    shares, weights = torch.tensor([0.7, 0.2]), torch.tensor([0.5, 1.0, 4.0])
    plain = [
        F.cross_entropy(logits, each, reduction="none", label_smoothing=smoothing)
        for each in (labels, partners)
    ]
    expected = shares * plain[0] * weights[labels] + (1 - shares) * plain[1] * weights[partners]
    batch = Batch(torch.empty(2, 1, 8, 8), labels, np.arange(2), partners, shares)
    found = loop([0.5, 1.0, 4.0], smoothing)._losses(logits, batch)
    assert torch.allclose(found, expected)
    alone = loop([0.5, 1.0, 4.0], smoothing)._losses(logits, batch._replace(partners=None))
    assert torch.allclose(alone, plain[0] * weights[labels])
    assert torch.allclose(
        loop(None, smoothing)._losses(logits, batch._replace(shares=None)), plain[0]
    )


@pytest.fixture(scope="module")
def unequal(decoded: Decoded) -> Decoded:
    """Two classes whose levels overlap, one of them five times as common."""
    generator = np.random.default_rng(5)

    def split(common: int, rare: int) -> PixelStore:
        labels = np.repeat([0, 1], [common, rare])
        levels = generator.normal(100, 25, common + rare) + 25 * labels
        pixels = np.broadcast_to(levels[:, None, None, None], (common + rare, 8, 8, 1))
        names = tuple(map(str, range(common + rare)))
        return PixelStore(pixels.clip(0, 255).astype(np.uint8), labels, names)

    stores = {"train": split(250, 50), "validation": split(50, 10), "test": split(200, 200)}
    return replace(
        decoded, dataset=replace(decoded.dataset, classes=("common", "rare")), stores=stores
    )


@pytest.mark.parametrize("balance", ["weights", "sampling"])
def test_balancing_finds_more_of_a_rare_class(
    unequal: Decoded, tmp_path: Path, balance: Balance
) -> None:
    runs = [
        train(
            unequal,
            "flatten | dense classes",
            Recipe(epochs=8, batch_size=20, balance=chosen, learning_rate=0.02),
            out=tmp_path / chosen,
            precision="fp32",
            threads=1,
        )
        for chosen in ("none", balance)
    ]
    plain, balanced = (run.test.figures["per_class"][1]["recall"] for run in runs)
    assert balanced > plain + 0.25
    assert runs[1].facts["recipe"]["balance"] == balance


@pytest.mark.parametrize("options", [{"prune_easy": 0.5}, {"mixup": 0.4, "cutmix": 1.0}])
@pytest.mark.parametrize("balance", ["weights", "sampling"])
def test_balancing_goes_with_pruning_and_mixing_and_repeats_to_the_bit(
    unequal: Decoded, tmp_path: Path, balance: Balance, options: dict[str, Any]
) -> None:
    recipe = Recipe(epochs=3, batch_size=20, balance=balance, **options)
    runs = [
        train(unequal, NETWORK, recipe, out=tmp_path / name, precision="fp32", threads=1)
        for name in ("one", "two")
    ]
    assert len(runs[0].history) == 3
    states = [run.model.network.state_dict().values() for run in runs]
    assert all(torch.equal(one, two) for one, two in zip(*states, strict=True))


def test_the_message_reaches_the_watcher(unequal: Decoded, tmp_path: Path, notes: Any) -> None:
    assert isinstance(notes, Watcher)
    recipe = Recipe(epochs=1, batch_size=50, balance="auto")
    done = train(
        unequal, NETWORK, recipe, out=tmp_path / "run", precision="fp32", threads=1, watcher=notes
    )
    assert done.facts["recipe"]["balance"] == "weights"
    assert done.facts["asked"]["balance"] == "auto"
    assert any("class sizes differ 5 to 1" in str(text) for text in notes.of("message"))
