"""How the network learnt, epoch by epoch."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from convwise.report.charts.curves import accuracy_curves, loss_curves, rate_curve
from convwise.report.fields import Json, number
from convwise.report.wording import percent

KEYS = ("train_loss", "validation_loss", "train_accuracy", "validation_accuracy")


@dataclass(frozen=True)
class Learning:
    """A sentence, up to three charts and the numbers behind them (one row of text an epoch)."""

    summary: str
    charts: tuple[Markup, ...]
    rows: tuple[tuple[str, ...], ...]


def learning(history: tuple[Json, ...]) -> Learning | None:
    """Return the curves, or None where no epoch was completed."""
    if not history:
        return None
    epochs = [int(number(one, "epoch") or place) for place, one in enumerate(history, start=1)]
    values = {key: [number(one, key) for one in history] for key in KEYS}
    charts = []
    for draw, what in ((loss_curves, "loss"), (accuracy_curves, "accuracy")):
        training, validation = values[f"train_{what}"], values[f"validation_{what}"]
        if any(value is not None for value in (*training, *validation)):
            charts.append(draw(epochs, training, validation))
    rates = [number(one, "learning_rate") for one in history]
    if len(epochs) > 1 and any(rate for rate in rates):
        charts.append(rate_curve(epochs, rates))
    rows = tuple(_row(epoch, one) for epoch, one in zip(epochs, history, strict=True))
    return Learning(_summary(epochs, values["validation_accuracy"]), tuple(charts), rows)


def _summary(epochs: list[int], accuracy: list[float | None]) -> str:
    scored = [(value, epoch) for value, epoch in zip(accuracy, epochs, strict=True) if value]
    if not scored:
        return "Each point is one pass over the training images."
    best, at = max(scored, key=lambda pair: (pair[0], -pair[1]))
    if len(epochs) == 1:
        return f"One epoch, after which {percent(best)} of the validation images were right."
    last = scored[-1][0]
    said = f"Validation accuracy was best after epoch {at} ({percent(best)})"
    if at == epochs[-1]:
        return f"{said}, the last one."
    return f"{said} and {percent(last)} after the last one, epoch {epochs[-1]}."


def _row(epoch: int, one: Json) -> tuple[str, ...]:
    losses = [number(one, key) for key in KEYS[:2]]
    shares = [number(one, key) for key in KEYS[2:]]
    rate, seconds = number(one, "learning_rate"), number(one, "seconds")
    return (
        str(epoch),
        *("–" if loss is None else f"{loss:.4f}" for loss in losses),
        *("–" if share is None else percent(share) for share in shares),
        "–" if rate is None else f"{rate:.3g}",
        "–" if seconds is None else f"{seconds:.1f}",
    )
