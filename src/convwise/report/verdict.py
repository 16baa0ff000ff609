"""The report's first words: how good, where weak, at what cost."""

from __future__ import annotations

from collections.abc import Sequence

from convwise.report.confusion import Counts
from convwise.report.fields import mapping, number, text
from convwise.report.run_folder import RunFiles
from convwise.report.scores import ClassScore, Scores
from convwise.report.wording import count, counted, duration, percent, shown


def verdict(files: RunFiles, scores: Scores | None) -> tuple[str, ...]:
    """Return up to three sentences."""
    said = [
        _accuracy(scores) if scores else "This run has not been scored.",
        _weakest(scores) if scores else None,
        _cost(files),
    ]
    return tuple(sentence for sentence in said if sentence)


def train_seconds(files: RunFiles) -> float | None:
    """Return the time of training; without a result, when its last epoch ended."""
    whole = number(mapping(files.run, "result"), "train_seconds")
    if whole is not None:
        return whole
    return number(files.history[-1], "seconds") if files.history else None


def epochs_done(files: RunFiles) -> int:
    """Return how many epochs were completed."""
    return len(files.history) or int(number(mapping(files.run, "result"), "epochs") or 0)


def images_per_second(files: RunFiles) -> float | None:
    """Return the speed of training; without a result, that of the last epoch."""
    whole = number(mapping(files.run, "result"), "images_per_second")
    if whole is not None or not files.history:
        return whole
    return number(files.history[-1], "images_per_second")


def weakest_class(per_class: Sequence[ClassScore]) -> ClassScore | None:
    """Return the class with the least recall, or None where no class has one."""
    scored = [one for one in per_class if one.recall is not None and one.images]
    return min(scored, key=lambda one: one.recall or 0.0, default=None)


def most_mistaken_for(index: int, confusion: Counts) -> tuple[int, int] | None:
    """Return (class, images) that most mistakes of a class went to, or None without mistakes.

    Example:
        >>> most_mistaken_for(0, [[8, 0, 2], [0, 9, 1], [1, 0, 9]])
        (2, 2)
    """
    if index >= len(confusion):
        return None
    others = [(-here, other) for other, here in enumerate(confusion[index]) if other != index]
    most, other = min(others, default=(0, 0))
    return (other, -most) if most else None


def _accuracy(scores: Scores) -> str:
    said = f"{percent(scores.accuracy)} of {counted(scores.images, f'{scores.split} image')}"
    said += " is named correctly" if scores.images == 1 else " are named correctly"
    if scores.accuracy_interval is None:
        return f"{said}."
    low, high = scores.accuracy_interval
    return f"{said} (95 % interval {percent(low)} to {percent(high)})."


def _weakest(scores: Scores) -> str | None:
    weakest = weakest_class(scores.per_class)
    if weakest is None or weakest.recall is None:
        return None
    if weakest.recall == 1:
        return "No class has a mistake."
    said = f"The weakest class is {shown(weakest.name)}: {percent(weakest.recall)} of its "
    said += (
        f"{counted(weakest.images, 'image')} {'is' if weakest.images == 1 else 'are'} recognised"
    )
    confused = most_mistaken_for(scores.per_class.index(weakest), scores.confusion)
    if confused is None or confused[0] >= len(scores.per_class):
        return f"{said}."
    other, images = confused
    taken = "is" if images == 1 else "are"
    return f"{said}, and {count(images)} {taken} taken for {shown(scores.per_class[other].name)}."


def _cost(files: RunFiles) -> str | None:
    seconds, epochs = train_seconds(files), epochs_done(files)
    if seconds is None:
        return None
    said = f"Training took {duration(seconds)}"
    if epochs:
        said += f" for {counted(epochs, 'epoch')}"
    threads = number(files.run, "threads")
    if threads:
        said += f" with {counted(threads, 'thread')}"
    cpu = text(mapping(files.run, "machine"), "cpu")
    if cpu:
        said += f" on {shown(cpu)}"
    return f"{said}."
