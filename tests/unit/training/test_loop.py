from __future__ import annotations

from collections.abc import Callable, Container
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import one_hot

from convwise.data.batches import Batch, Batches
from convwise.data.dataset import Decoded
from convwise.design.plan import plan
from convwise.errors import DivergedError
from convwise.model.build import build
from convwise.training.decided import Decided
from convwise.training.fit import fit_model
from convwise.training.interrupt import Overdue
from convwise.training.keeper import Keeper
from convwise.training.loop import TrainingLoop
from convwise.training.optimizer import make_optimizer
from convwise.training.progress import EpochRecord, Watcher
from convwise.training.pruning import Pruning
from convwise.training.recipe import Recipe
from convwise.training.schedule import Progress
from convwise.training.state import TrainingState


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Kept(Keeper):
    """Notes what it is given, and is due before every step that it is told."""

    def __init__(self, due_at: Container[int] = ()) -> None:
        self.places: list[str] = []
        self.epochs: list[int] = []
        self._due_at, self._asked = due_at, 0

    def is_due(self) -> bool:
        self._asked += 1
        return self._asked in self._due_at

    def save(self, state: TrainingState) -> None:
        self.places.append(state.place)

    def add_epoch(self, record: EpochRecord) -> None:
        self.epochs.append(record.epoch)


def make_loop(
    decoded: Decoded,
    *,
    epochs: int | None = 2,
    time_limit: float | None = None,
    clock: Clock | None = None,
    validate: Callable[[], tuple[float, float]] = lambda: (1.0, 0.5),
    stop: Callable[[], bool] = lambda: False,
    watcher: Watcher | None = None,
    keeper: Keeper | None = None,
    **settings: Any,
) -> TrainingLoop:
    settings = {"prune_easy": 0.0} | settings
    recipe = Recipe(optimizer="sgd", batch_size=10, epochs=epochs, **settings)
    network_plan = plan("conv 4 3 same norm relu | flatten | dense classes", "8x8x1", 3)
    network = build(network_plan)
    batches = Batches(decoded.stores["train"], decoded.dataset.format, 10)
    return TrainingLoop(
        state=TrainingState(
            network=network,
            optimizer=make_optimizer(network, network_plan, recipe),
            pruning=Pruning(30, recipe.prune_easy, seed=0),
            progress=Progress(epochs, time_limit, clock or Clock()),
        ),
        batches=batches,
        recipe=recipe,
        precision="fp32",
        validate=validate,
        keeper=keeper or Keeper(),
        stop_requested=stop,
        watcher=watcher or Watcher(),
    )


def test_a_loop_takes_all_its_steps(decoded: Decoded) -> None:
    loop = make_loop(decoded)
    assert loop.run() == "finished"
    assert loop.state.progress.step == 6
    assert [record.epoch for record in loop.state.history] == [1, 2]
    assert loop.state.history[-1].validation_accuracy == 0.5
    assert 0 < loop.state.history[0].learning_rate <= 0.1


def test_easy_images_make_a_later_epoch_shorter(decoded: Decoded) -> None:
    steps: list[tuple[int, int]] = []

    class Counting(Watcher):
        def step(self, epoch: int, step: int, *rest: float) -> None:
            steps.append((epoch, step))

    loop = make_loop(decoded, epochs=10, prune_easy=0.75, watcher=Counting())
    assert loop.run() == "finished"
    per_epoch = [max(step for epoch, step in steps if epoch == number) for number in range(1, 11)]
    assert per_epoch[0] == 3
    assert min(per_epoch[1:8]) < 3
    assert per_epoch[-1] == 3
    assert loop.state.progress.epochs_done == 10
    assert loop.state.progress.step == len(steps)


def test_a_clock_ends_a_loop_within_an_epoch(decoded: Decoded) -> None:
    clock = Clock()

    class Ticking(Watcher):
        def step(self, epoch: int, step: int, share: float, *rest: float) -> None:
            clock.now += 10.0

    loop = make_loop(decoded, epochs=None, time_limit=35.0, clock=clock, watcher=Ticking())
    loop.state.progress.reserve(0.0)
    assert loop.run() == "time limit"
    assert 4 <= loop.state.progress.step <= 5
    assert len(loop.state.history) == 2


def test_a_limit_that_is_over_at_once_still_gives_a_history(decoded: Decoded) -> None:
    loop = make_loop(decoded, epochs=None, time_limit=1.0)
    loop.state.progress.reserve(60.0)
    loop.state.progress.clock.now += 1.0  # type: ignore[attr-defined]
    assert loop.run() == "time limit"
    assert (loop.state.progress.step, len(loop.state.history)) == (1, 1)


def test_a_wish_to_stop_ends_a_loop_after_the_step(decoded: Decoded) -> None:
    loop = make_loop(decoded, epochs=50, stop=lambda: loop.state.progress.step >= 4)
    assert loop.run() == "interrupted"
    assert loop.state.progress.step == 4
    assert len(loop.state.history) == 2


def test_the_state_is_kept_when_it_is_due_at_each_epochs_end_and_before_a_stop(
    decoded: Decoded,
) -> None:
    keeper = Kept(due_at={1})
    loop = make_loop(decoded, epochs=3, keeper=keeper, stop=lambda: loop.state.progress.step >= 5)
    assert loop.run() == "interrupted"
    assert keeper.places == ["epoch 1, step 1", "the end of epoch 1", "epoch 2, step 2"]
    assert keeper.epochs == [1, 2]


def test_an_epoch_that_a_stop_finds_complete_is_kept_as_complete(decoded: Decoded) -> None:
    keeper = Kept()
    loop = make_loop(decoded, epochs=3, keeper=keeper, stop=lambda: loop.state.progress.step >= 3)
    assert loop.run() == "interrupted"
    assert keeper.places == ["epoch 1, step 3", "the end of epoch 1"]


def test_too_little_time_to_validate_still_keeps_the_state(decoded: Decoded) -> None:
    def validate() -> tuple[float, float]:
        raise Overdue(143)

    keeper = Kept()
    loop = make_loop(decoded, keeper=keeper, validate=validate)
    with pytest.raises(SystemExit):
        loop.run()
    assert keeper.places == ["epoch 1, step 3"]


def test_weights_that_are_no_numbers_are_never_kept(decoded: Decoded) -> None:
    class Poison(Watcher):
        def step(self, *values: object) -> None:
            with torch.no_grad():
                loop.state.network.dense1.bias[0] = torch.inf

    keeper = Kept(due_at={1})
    loop = make_loop(decoded, keeper=keeper, watcher=Poison())
    with pytest.raises(DivergedError, match=r"epoch 1, step 1: dense1\.bias holds values that are"):
        loop.run()
    assert keeper.places == []


def test_a_loss_that_is_no_number_ends_training_and_says_where(decoded: Decoded) -> None:
    loop = make_loop(decoded)
    with torch.no_grad():
        loop.state.network.dense1.bias[0] = torch.nan
    with pytest.raises(DivergedError, match=r"epoch 1, step 1: the loss is nan.*lower --lr than"):
        loop.run()


def test_validation_that_gives_no_number_ends_training_too(decoded: Decoded) -> None:
    keeper = Kept()
    loop = make_loop(decoded, validate=lambda: (float("nan"), 0.3), keeper=keeper)
    with pytest.raises(DivergedError, match="epoch 1, validation: the loss is nan"):
        loop.run()
    assert keeper.places == []


def test_label_smoothing_is_in_the_training_loss(decoded: Decoded) -> None:
    losses = []
    for smoothing in (0.0, 0.5):
        loop = make_loop(decoded, epochs=1, label_smoothing=smoothing, learning_rate=1e-9)
        loop.run()
        losses.append(loop.state.history[0].train_loss)
    assert losses[0] != pytest.approx(losses[1], rel=1e-3)


def test_training_goes_on_in_training_mode_after_validation(decoded: Decoded) -> None:
    modes: list[bool] = []

    class Noting(Watcher):
        def epoch(self, record: EpochRecord) -> None:
            modes.append(loop.state.network.training)

    def validate() -> tuple[float, float]:
        loop.state.network.eval()
        return 1.0, 0.5

    loop = make_loop(decoded, validate=validate, watcher=Noting())
    loop.run()
    assert modes == [True, True]


def test_the_loss_of_a_mixed_image_is_shared_between_two_labels(decoded: Decoded) -> None:
    loop = make_loop(decoded, label_smoothing=0.1)
    logits = torch.tensor([[2.0, 0.0, -1.0], [0.0, 1.0, 0.5]])
    labels, partners = torch.tensor([0, 1]), torch.tensor([2, 1])
    shares = torch.tensor([0.7, 0.2])
    batch = Batch(torch.empty(2, 1, 8, 8), labels, np.arange(2), partners, shares)
    targets = shares[:, None] * one_hot(labels, 3) + (1 - shares)[:, None] * one_hot(partners, 3)
    smooth = 0.9 * targets + 0.1 / 3
    expected = -(smooth * logits.log_softmax(dim=1)).sum(dim=1)
    assert torch.allclose(loop._losses(logits, batch), expected, atol=1e-6)


def test_training_on_mixed_images_leaves_none_out(decoded: Decoded) -> None:
    started: list[Decided] = []
    fitted = fit_model(
        plan("conv 4 3 same norm relu | flatten | dense classes", "8x8x1", 3),
        decoded.stores["train"],
        decoded.stores["validation"],
        image_format=decoded.dataset.format,
        classes=decoded.dataset.classes,
        name="net",
        recipe=Recipe(epochs=3, batch_size=10, mixup=0.5, cutmix=1.0, prune_easy=0.5, rotate=10),
        seed=0,
        precision="fp32",
        watcher=Watcher(),
        on_start=started.append,
    )
    assert started[0].recipe.prune_easy == 0
    assert len(fitted.history) == 3


@pytest.mark.parametrize("fuse", [True, False])
def test_the_same_seed_gives_the_same_bits(decoded: Decoded, fuse: bool) -> None:
    def weights() -> list[torch.Tensor]:
        fitted = fit_model(
            plan(
                "conv 8 3 same norm relu | maxpool 2 | dropout 0.3 | flatten | dense classes",
                "8x8x1",
                3,
            ),
            decoded.stores["train"],
            decoded.stores["validation"],
            image_format=decoded.dataset.format,
            classes=decoded.dataset.classes,
            name="net",
            recipe=Recipe(epochs=3, batch_size=10),
            seed=5,
            precision="fp32",
            watcher=Watcher(),
            fuse=fuse,
        )
        return list(fitted.model.network.state_dict().values())

    assert all(torch.equal(a, b) for a, b in zip(weights(), weights(), strict=True))
