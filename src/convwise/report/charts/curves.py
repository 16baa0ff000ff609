"""Loss, accuracy and learning rate over the epochs."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from convwise.report.charts.axes import bounds, round_ticks, whole_ticks
from convwise.report.charts.lines import Axis, Line, line_chart
from convwise.report.wording import percent

Values = Sequence[float | None]


def loss_curves(epochs: Sequence[int], training: Values, validation: Values) -> Markup:
    """Return the loss of training and validation, in nats an image, for each epoch."""
    return _curves("loss", "Loss (nats)", epochs, training, validation)


def accuracy_curves(epochs: Sequence[int], training: Values, validation: Values) -> Markup:
    """Return the accuracy 0…1 of training and validation for each epoch, drawn in per cent."""
    return _curves("accuracy", "Accuracy (%)", epochs, training, validation)


def rate_curve(epochs: Sequence[int], rates: Values) -> Markup:
    """Return the learning rate at the end of each epoch."""
    _, high = bounds([rate for rate in rates if rate is not None], (0.0, 1.0))
    across = Axis("Epoch", whole_ticks(max(epochs)), "{:.0f}".format, low=1, high=max(epochs))
    upwards = Axis("Learning rate", round_ticks(0.0, high), "{:g}".format)

    def reading(index: int) -> str:
        rate = rates[index]
        told = "not measured" if rate is None else f"learning rate {rate:.3g}"
        return f"Epoch {epochs[index]}: {told}"

    return line_chart(
        "rate-curve",
        "Learning rate at the end of each epoch",
        f"Highest at {high:.3g}. {reading(0)}. {reading(len(epochs) - 1)}.",
        epochs,
        [Line("rate", "first", tuple(rates))],
        (across, upwards),
        reading,
    )


def _curves(
    what: str, y_title: str, epochs: Sequence[int], training: Values, validation: Values
) -> Markup:
    say = percent if what == "accuracy" else "{:.4g}".format
    present = [value for value in (*training, *validation) if value is not None]
    low, high = bounds(present, (0.0, 1.0))
    ticks = round_ticks(min(0.0, low) if what == "loss" else low, high)
    if what == "accuracy":
        ticks = tuple(tick for tick in ticks if 0 <= tick <= 1)
    lines = [
        Line("validation", "first", tuple(validation)),
        Line("training", "second", tuple(training)),
    ]

    def reading(index: int) -> str:
        told = [
            f"{line.name} {what} {say(value)}"
            for line in lines
            if (value := line.values[index]) is not None
        ]
        return f"Epoch {epochs[index]}: {', '.join(told) or 'not measured'}"

    across = Axis("Epoch", whole_ticks(max(epochs)), "{:.0f}".format, low=1, high=max(epochs))
    upwards = Axis(y_title, ticks, _per_cent if what == "accuracy" else "{:g}".format)
    title = f"{what.capitalize()} per epoch"
    return line_chart(
        f"{what}-curves",
        title,
        _told(what, reading(0), reading(len(epochs) - 1), len(epochs)),
        epochs,
        lines,
        (across, upwards),
        reading,
    )


def _told(what: str, first: str, last: str, epochs: int) -> str:
    if epochs == 1:
        return f"One epoch. {first}."
    return f"{what.capitalize()} on training and validation images. {first}. {last}."


def _per_cent(share: float) -> str:
    return f"{share * 100:g}"
