"""How far a run's probabilities can be believed, before and after its temperature."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from convwise.report.charts.reliability import Bin, reliability_diagram
from convwise.report.facts import Fact
from convwise.report.fields import Json, mapping, number
from convwise.report.scores import Scores
from convwise.report.wording import count, percent, points


@dataclass(frozen=True)
class Diagram:
    """A reliability diagram, what it shows, and its numbers, one row a bin."""

    title: str
    chart: Markup
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Calibration:
    """The section's content.

    Args:
        summary: how sure the answers are and how often right.
        scaling: what the temperature did, in a sentence; None where none was fitted.
        diagrams: without the temperature, where that was kept, and with it.
        heads: of the table of figures.
        rows: a figure a row.
        facts: further ones.
    """

    summary: str
    scaling: str | None
    diagrams: tuple[Diagram, ...]
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    facts: tuple[Fact, ...]


def calibration(scores: Scores, run: Json) -> Calibration | None:
    """Return the section, or None without bins.

    Args:
        scores: of the split that the page is about.
        run: the content of run.json.
    """
    bins = scores.calibration
    if not bins:
        return None
    confidence, right = _means(bins)
    scaled = scores.temperature not in (None, 1.0)
    diagrams = []
    if scaled and scores.unscaled_calibration:
        diagrams.append(_diagram("Before: as the network answers", scores.unscaled_calibration, 0))
    after = f"After: logits divided by {scores.temperature:.3f}" if scaled else "As it answers"
    diagrams.append(_diagram(after, bins, 1))
    heads, rows = _figures(scores, run, scaled=scaled)
    return Calibration(
        summary=_trust(confidence, right),
        scaling=_scaling(scores) if scaled else None,
        diagrams=tuple(diagrams),
        heads=heads,
        rows=rows,
        facts=_facts(scores, run, scaled=scaled),
    )


def _means(bins: tuple[Bin, ...]) -> tuple[float, float]:
    """Return mean confidence and accuracy over all images."""
    images = sum(one.images for one in bins)
    confidence = sum(one.images * one.confidence for one in bins) / images
    return confidence, sum(one.images * one.accuracy for one in bins) / images


def _diagram(title: str, bins: tuple[Bin, ...], place: int) -> Diagram:
    rows = tuple(
        (
            f"{percent(one.low)} to {percent(one.high)}",
            count(one.images),
            percent(one.confidence),
            percent(one.accuracy),
        )
        for one in bins
    )
    return Diagram(title, reliability_diagram(bins, f"reliability-{place}", title), rows)


def _trust(confidence: float, right: float) -> str:
    gap = confidence - right
    said = f"its answers claim {percent(confidence)} on average, and {percent(right)} are right"
    if abs(gap) < 0.005:
        return f"The network is about as sure as it should be: {said}."
    return f"The network is {'too' if gap > 0 else 'less'} sure{_than(gap)}: {said}."


def _than(gap: float) -> str:
    return f" by {points(gap)}" if gap > 0 else f" than it could be, by {points(gap)}"


def _scaling(scores: Scores) -> str:
    """Return what the temperature changed on images that it was not fitted to."""
    temperature = scores.temperature or 1.0
    way = "surer" if temperature < 1 else "less sure"
    said = f"A temperature of {temperature:.3f} makes its answers {way} and changes none of them"
    if scores.ece is None or scores.unscaled_ece is None:
        return f"{said}."
    verb = "falls" if scores.ece < scores.unscaled_ece else "goes"
    return (
        f"{said}: the calibration error {verb} from {percent(scores.unscaled_ece)} "
        f"to {percent(scores.ece)}."
    )


def _figures(
    scores: Scores, run: Json, *, scaled: bool
) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Return heads and rows of calibration error and NLL, before and after where both are known."""
    fitted = mapping(run, "temperature")
    before, after = mapping(fitted, "before"), mapping(fitted, "after")
    table = [
        (f"ECE, {scores.split}", scores.unscaled_ece, scores.ece, _share),
        (f"NLL (nats), {scores.split}", scores.unscaled_nll, scores.nll, _nats),
    ]
    if scores.split != "validation" and before and after:
        table += [
            ("ECE, validation", number(before, "ece"), number(after, "ece"), _share),
            ("NLL (nats), validation", number(before, "nll"), number(after, "nll"), _nats),
        ]
    known = [row for row in table if row[2] is not None]
    if not scaled:
        return ("", "Value"), tuple((name, say(new)) for name, _, new, say in known)
    rows = tuple((name, say(old), say(new)) for name, old, new, say in known)
    return ("", "Before", "After"), rows


def _share(of: float | None) -> str:
    return "–" if of is None else percent(of)


def _nats(of: float | None) -> str:
    return "–" if of is None else f"{of:.4f}"


def _facts(scores: Scores, run: Json, *, scaled: bool) -> tuple[Fact, ...]:
    fitted = mapping(run, "temperature")
    images, reason = number(fitted, "images"), fitted.get("reason")
    if scaled and scores.temperature is not None:
        on = f", fitted on {count(images)} validation images" if images else ""
        return (Fact("Temperature", f"{scores.temperature:.3f}{on}"),)
    if isinstance(reason, str) and reason != "fitted":
        return (Fact("Temperature", f"stays 1: {reason}"),)
    return ()
