"""A comparison of runs as one self-contained page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from convwise.report.charts.axes import bounds, round_ticks, whole_ticks
from convwise.report.charts.differences import Difference, difference_chart
from convwise.report.charts.lines import Axis, Line, line_chart
from convwise.report.comparison import METHOD, Comparison
from convwise.report.comparison_words import p_words, signed
from convwise.report.fields import Json, number
from convwise.report.page_writer import render
from convwise.report.wording import count, duration, shown

# Lines that can be told from each other; style sheet: .line.run0 to .line.run5.
STYLES = 6


@dataclass(frozen=True)
class RunRow:
    """One line of the table of runs."""

    letter: str
    style: str
    run: str
    accuracy: str
    epochs: str
    seconds: str


@dataclass(frozen=True)
class ComparePage:
    """The template's whole context."""

    title: str
    images: str
    said: tuple[tuple[str, ...], ...]
    runs: tuple[RunRow, ...]
    chart: Markup
    heads: tuple[str, ...]
    settings: tuple[tuple[str, ...], ...]
    curves: tuple[Markup, ...]
    duels: tuple[tuple[str, ...], ...]
    method: str


def compare_page(comparison: Comparison) -> str:
    """Return a comparison as one HTML file that asks for nothing beyond itself."""
    page = comparison_contents(comparison)
    return render("compare.html.j2", styles=("style.css", "compare.css"), page=page)


def comparison_contents(comparison: Comparison) -> ComparePage:
    """Return what a page says about a comparison; the lab shows it too."""
    said = comparison.said()
    letters = [run.letter for run in comparison.runs]
    return ComparePage(
        title=" and ".join([", ".join(letters[:-1]), letters[-1]]),
        images=count(comparison.images),
        said=said,
        runs=_runs(comparison),
        chart=difference_chart(
            [
                Difference(
                    f"{duel.run.letter} − {letters[0]}",
                    duel.counts.difference,
                    duel.interval,
                    " ".join(sentences),
                )
                for duel, sentences in zip(comparison.duels, said, strict=True)
            ]
        ),
        heads=("Setting", *letters),
        settings=tuple((one.title, *one.words()) for one in comparison.settings),
        curves=learning_curves([(run.letter, run.files.history) for run in comparison.runs]),
        duels=_duels(comparison),
        method=METHOD,
    )


def _runs(comparison: Comparison) -> tuple[RunRow, ...]:
    rows = []
    for place, run in enumerate(comparison.runs):
        seconds = comparison.curve(run, "seconds")
        rows.append(
            RunRow(
                letter=run.letter,
                style=f"run{place % STYLES}",
                run=shown(run.folder),
                accuracy=f"{run.accuracy * 100:.2f}\u00a0%",
                epochs=count(len(run.files.history)),
                seconds=duration(seconds[-1]) if seconds and seconds[-1] is not None else "–",
            )
        )
    return tuple(rows)


def _duels(comparison: Comparison) -> tuple[tuple[str, ...], ...]:
    return tuple(
        (
            f"{duel.run.letter} − {comparison.runs[0].letter}",
            signed(duel.counts.difference),
            f"{signed(duel.interval[0])} to {signed(duel.interval[1])}",
            p_words(duel.p_value),
            p_words(duel.adjusted),
            count(duel.counts.both),
            count(duel.counts.second),
            count(duel.counts.first),
            count(duel.counts.neither),
            duel.verdict,
        )
        for duel in comparison.duels
    )


def learning_curves(histories: Sequence[tuple[str, Sequence[Json]]]) -> tuple[Markup, ...]:
    """Return validation loss and accuracy of runs, laid over each other.

    Args:
        histories: a name, and the epochs as history.jsonl holds them, for each run.
    """
    epochs = max(len(history) for _, history in histories)
    if not epochs:
        return ()
    charts = []
    for key, title, percents in (
        ("validation_loss", "Validation loss (nats)", False),
        ("validation_accuracy", "Validation accuracy (%)", True),
    ):
        lines = [
            Line(
                name,
                f"run{place % STYLES}",
                _padded([number(epoch, key) for epoch in history], epochs),
            )
            for place, (name, history) in enumerate(histories)
        ]
        charts.append(_chart(key.replace("_", "-"), title, lines, epochs, percents=percents))
    return tuple(charts)


def _chart(key: str, title: str, lines: list[Line], epochs: int, *, percents: bool) -> Markup:
    present = [value for line in lines for value in line.values if value is not None]
    low, high = bounds(present, (0.0, 1.0))
    ticks = round_ticks(low, high)
    words = _per_cent if percents else "{:g}".format

    def reading(index: int) -> str:
        told = [
            f"{line.name} {value:.4f}"
            for line in lines
            if (value := line.values[index]) is not None
        ]
        return f"Epoch {index + 1}: {', '.join(told) or 'not measured'}"

    return line_chart(
        key,
        title,
        f"{reading(0)}. {reading(epochs - 1)}.",
        range(1, epochs + 1),
        lines,
        (
            Axis("Epoch", whole_ticks(epochs), "{:.0f}".format, low=1, high=epochs),
            Axis(title, ticks, words),
        ),
        reading,
    )


def _padded(values: list[float | None], length: int) -> tuple[float | None, ...]:
    return (*values, *(None for _ in range(length - len(values))))


def _per_cent(share: float) -> str:
    return f"{share * 100:g}"
