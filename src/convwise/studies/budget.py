"""Fit a study to a time, by the measured speed of its arms."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from convwise.model.build import build
from convwise.studies.question import Arm, Setting
from convwise.studies.trial import BATCH_SIZE, FIXED_SECONDS, Scale

MOST_EPOCHS = 10
FEWEST_EPOCHS = 6
FEWEST_IMAGES = 500
# Of images seen in one training: what is worth a further seed, and what is worth a third one.
PLENTY, SOME = 20_000, 5_000
TIMED_ROUNDS = 4
# Of the budget, as other work may slow the machine, and reading and the page take their share.
USED = 0.85


@dataclass(frozen=True)
class Speed:
    """How quick an arm is, in seconds.

    Args:
        training: for one image in one epoch.
        scoring: for all its test sets.
        timed: the arm is given a time instead of epochs.
    """

    training: float
    scoring: float
    timed: bool = False


@dataclass(frozen=True)
class Fit:
    """A study that fits its budget.

    Args:
        scale: of each training.
        seeds: how many.
        given_up: what that costs, in words.
    """

    scale: Scale
    seeds: int
    given_up: tuple[str, ...]


def measure(arm: Arm, setting: Setting, predictions: int) -> Speed:
    """Time training steps and predictions of an arm on random numbers.

    Args:
        arm: what to time.
        setting: the user's image format and classes.
        predictions: that its test sets need.
    """
    plan = arm.plan(setting)
    network = build(plan)
    height, width, channels = arm.task.shape(setting.image)
    images = torch.randn(BATCH_SIZE, channels, height, width)
    images = images.contiguous(memory_format=torch.channels_last)
    labels = torch.arange(BATCH_SIZE) % plan.classes

    def step() -> None:
        F.cross_entropy(network(images), labels).backward()  # type: ignore[no-untyped-call]

    def answer() -> None:
        with torch.inference_mode():
            network(images)

    training = _quickest(step)
    network.eval()
    scoring = _quickest(answer)
    return Speed(
        training / BATCH_SIZE,
        scoring / BATCH_SIZE * predictions,
        arm.recipe.get("time_limit") is not None,
    )


def _quickest(work: Callable[[], None]) -> float:
    """Return the seconds of the quickest of some rounds; the first one prepares the others."""
    seconds = []
    for _ in range(TIMED_ROUNDS):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def fitted(
    budget: float, speeds: Sequence[Speed], wished: Scale, seeds: int, trainable: int
) -> Fit:
    """Return the largest study that fits.

    Seeds come first up to three, as nothing can be told from one; then images seen in a training;
    then more seeds.

    Args:
        budget: seconds.
        speeds: of all arms.
        wished: what it would be with time enough.
        seeds: wished.
        trainable: images that a training can have.

    Example:
        >>> fit = fitted(60, [Speed(1e-3, 0.5)] * 2, Scale(epochs=10), 5, 9_000)
        >>> fit.seeds, fit.scale.images, fit.scale.epochs
        (3, 1166, 6)
    """
    images = min(wished.images or trainable, trainable)
    seen = {count: _seen(budget, speeds, count) for count in range(1, seeds + 1)}
    most = images * wished.epochs
    chosen = min(seeds, 2)
    for count in range(seeds, 1, -1):
        if seen[count] >= min(most, PLENTY if count > 3 else SOME):
            chosen = count
            break
    affordable = max(1, min(most, int(seen[chosen])))
    fewer = min(images, max(FEWEST_IMAGES, affordable // min(wished.epochs, FEWEST_EPOCHS)))
    epochs = max(1, min(wished.epochs, affordable // fewer))
    timed = [speed.training for speed in speeds if speed.timed]
    mean = sum(timed) / len(timed) if timed else 0.0
    seconds = round(max(1.0, fewer * epochs * mean), 1) if timed else wished.seconds
    scale = Scale(None if fewer == trainable else fewer, epochs, seconds)
    told = _given_up(scale, wished, chosen, seeds, fewer, images)
    return Fit(scale, chosen, told)


def _seen(budget: float, speeds: Sequence[Speed], seeds: int) -> float:
    """Return how many images each training may see, over all its epochs."""
    fixed = sum(FIXED_SECONDS + speed.scoring for speed in speeds)
    each = sum(speed.training for speed in speeds)
    return (USED * budget / seeds - fixed) / each if each else float("inf")


def _given_up(
    scale: Scale, wished: Scale, chosen: int, seeds: int, fewer: int, images: int
) -> tuple[str, ...]:
    told = []
    if chosen < seeds:
        told.append(f"{seeds - chosen} of {seeds} seeds")
    if fewer < images:
        told.append(f"{images - fewer:,} of {images:,} training images")
    if scale.epochs < wished.epochs:
        told.append(f"{wished.epochs - scale.epochs} of {wished.epochs} epochs")
    return tuple(told)
