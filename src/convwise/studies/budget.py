"""Fit a study to a time, by the measured speed of its arms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from convwise.studies.timing import Speed
from convwise.studies.trial import Scale

FEWEST_EPOCHS = 6
# Fewer than the first only where not even one epoch of so many fits; never fewer than the second.
FEWEST_IMAGES, LEAST_IMAGES = 500, 200
# Of images seen in one training: what is worth a further seed, and what is worth a third one.
PLENTY, SOME = 20_000, 5_000
# Of the time, as other work may slow the machine, and the page takes its share.
USED = 0.85


@dataclass(frozen=True)
class Pace:
    """An arm's speed, and whether it is given a time instead of epochs."""

    speed: Speed
    timed: bool = False


@dataclass(frozen=True)
class Fit:
    """A study that fits its budget.

    Args:
        scale: of each training.
        seeds: how many.
    """

    scale: Scale
    seeds: int


def fitted(
    seconds: float,
    paces: Sequence[Pace],
    wished: Scale,
    seeds: int,
    trainable: int,
    places: int = 1,
) -> Fit:
    """Return the largest study that fits.

    Seeds come first up to three, as nothing can be told from one; then images seen in a training;
    then more seeds.

    Args:
        seconds: that are left.
        paces: of all arms.
        wished: what it would be with time enough.
        seeds: wished.
        trainable: images that a training can have.
        places: how many trials run at once.

    Example:
        >>> fit = fitted(60, [Pace(Speed(1.0, 0.0, 1e-3, 0.5))] * 2, Scale(epochs=10), 5, 9_000)
        >>> fit.seeds, fit.scale.images, fit.scale.epochs
        (3, 1166, 6)
    """
    images = min(wished.images or trainable, trainable)
    seen = {
        count: _seen(seconds * places, paces, count, wished.epochs) for count in range(1, seeds + 1)
    }
    most = images * wished.epochs
    chosen = min(seeds, 2)
    for count in range(seeds, 1, -1):
        if seen[count] >= min(most, PLENTY if count > 3 else SOME):
            chosen = count
            break
    affordable = max(1, min(most, int(seen[chosen])))
    least = min(FEWEST_IMAGES, max(LEAST_IMAGES, affordable))
    fewer = min(images, max(least, affordable // min(wished.epochs, FEWEST_EPOCHS)))
    epochs = max(1, min(wished.epochs, affordable // fewer))
    timed = [pace.speed for pace in paces if pace.timed]
    limit = wished.seconds
    if timed:
        each = sum(epochs * (speed.epoch + fewer * speed.image) for speed in timed)
        limit = round(max(1.0, each / len(timed)), 1)
    return Fit(Scale(None if fewer == trainable else fewer, epochs, limit), chosen)


def _seen(seconds: float, paces: Sequence[Pace], seeds: int, epochs: int) -> float:
    """Return how many images each training may see, over all its epochs."""
    fixed = sum(pace.speed.fixed + epochs * pace.speed.epoch + pace.speed.scoring for pace in paces)
    each = sum(pace.speed.image for pace in paces)
    return (USED * seconds / seeds - fixed) / each if each else float("inf")


def given_up(fit: Fit, wished: Scale, seeds: int, trainable: int) -> list[str]:
    """Return what a study lacks of what was wished, in words.

    Args:
        fit: the study.
        wished: what it would be with time enough.
        seeds: wished.
        trainable: images that a training can have.

    Example:
        >>> given_up(Fit(Scale(500, 4), 3), Scale(epochs=10), 5, 9_000)
        ['2 of 5 seeds', '8,500 of 9,000 training images', '6 of 10 epochs']
    """
    told = []
    images = min(wished.images or trainable, trainable)
    fewer = fit.scale.images or trainable
    if fit.seeds < seeds:
        told.append(f"{seeds - fit.seeds} of {seeds} seeds")
    if fewer < images:
        told.append(f"{images - fewer:,} of {images:,} training images")
    if fit.scale.epochs < wished.epochs:
        told.append(f"{wished.epochs - fit.scale.epochs} of {wished.epochs} epochs")
    return told
