"""One split's part of metrics.json as typed values."""

from __future__ import annotations

from dataclasses import dataclass

from convwise.report.charts.reliability import Bin
from convwise.report.fields import Json, as_number, interval, items, mapping, number, objects, text


@dataclass(frozen=True)
class ClassScore:
    """How one class fared; None where a score is undefined."""

    name: str
    images: int
    precision: float | None
    recall: float | None
    recall_interval: tuple[float, float] | None
    f1: float | None


@dataclass(frozen=True)
class Shifted:
    """Accuracy 0…1 of images moved by ``offset`` pixels, and the share with the same answer."""

    offset: float
    accuracy: float
    consistency: float | None


@dataclass(frozen=True)
class Scores:
    """How a run fared on one split; what the file lacks is None or empty."""

    split: str
    images: int
    accuracy: float
    accuracy_interval: tuple[float, float] | None
    balanced_accuracy: float | None
    macro_f1: float | None
    nll: float | None
    ece: float | None
    per_class: tuple[ClassScore, ...]
    confusion: tuple[tuple[int, ...], ...]
    calibration: tuple[Bin, ...]
    shift: tuple[Shifted, ...]
    shift_images: int | None
    temperature: float | None = None
    unscaled_nll: float | None = None
    unscaled_ece: float | None = None
    unscaled_calibration: tuple[Bin, ...] = ()


def read_scores(metrics: Json | None) -> Scores | None:
    """Return the scores on the test split, else on the validation split, else None.

    Example:
        >>> scores = read_scores({"test": {"images": 10, "accuracy": 0.5}})
        >>> scores.split, scores.images, scores.per_class
        ('test', 10, ())
    """
    for split in ("test", "validation"):
        found = mapping(metrics or {}, split)
        accuracy, images = number(found, "accuracy"), number(found, "images")
        if accuracy is not None and images:
            return _scores(split, found, accuracy, int(images))
    return None


def _scores(split: str, found: Json, accuracy: float, images: int) -> Scores:
    shift_images = number(found, "shift_images")
    return Scores(
        split=split,
        images=images,
        accuracy=accuracy,
        accuracy_interval=interval(found, "accuracy_interval"),
        balanced_accuracy=number(found, "balanced_accuracy"),
        macro_f1=number(found, "macro_f1"),
        nll=number(found, "nll"),
        ece=number(found, "ece"),
        per_class=tuple(_class_score(one) for one in objects(found, "per_class")),
        confusion=_confusion(found),
        calibration=_bins(found, "calibration"),
        shift=_shift(found),
        shift_images=None if shift_images is None else int(shift_images),
        temperature=number(found, "temperature"),
        unscaled_nll=number(mapping(found, "unscaled"), "nll"),
        unscaled_ece=number(mapping(found, "unscaled"), "ece"),
        unscaled_calibration=_bins(found, "unscaled_calibration"),
    )


def _class_score(one: Json) -> ClassScore:
    return ClassScore(
        name=text(one, "class") or "",
        images=int(number(one, "images") or 0),
        precision=number(one, "precision"),
        recall=number(one, "recall"),
        recall_interval=interval(one, "recall_interval"),
        f1=number(one, "f1"),
    )


def _confusion(found: Json) -> tuple[tuple[int, ...], ...]:
    rows = (row for row in items(found, "confusion") if isinstance(row, list))
    return tuple(tuple(int(as_number(count) or 0) for count in row) for row in rows)


def _bins(found: Json, key: str) -> tuple[Bin, ...]:
    return tuple(one for entry in objects(found, key) for one in _bin(entry))


def _bin(entry: Json) -> tuple[Bin, ...]:
    """One bin, or none: an empty one has no mean confidence and no accuracy."""
    low, high, images = (number(entry, key) for key in ("low", "high", "images"))
    confidence, accuracy = number(entry, "confidence"), number(entry, "accuracy")
    if low is None or high is None or confidence is None or accuracy is None or not images:
        return ()
    return (Bin(low, high, int(images), confidence, accuracy),)


def _shift(found: Json) -> tuple[Shifted, ...]:
    shifted = [
        Shifted(offset, accuracy, number(one, "consistency"))
        for one in objects(found, "shift")
        if (offset := number(one, "offset")) is not None
        and (accuracy := number(one, "accuracy")) is not None
    ]
    return tuple(sorted(shifted, key=lambda one: one.offset))
