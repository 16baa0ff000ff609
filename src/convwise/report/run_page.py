"""All that the page of a run shows, collected from its files; nothing is read or written here."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from convwise.report.asked import Asked, Fact, asked
from convwise.report.charts.bars import score_line, share_bar
from convwise.report.confusion import Matrix, matrix
from convwise.report.fields import Json, as_number, items, mapping, number, objects, text
from convwise.report.learning import Learning, learning
from convwise.report.mistakes import Gallery, gallery
from convwise.report.notices import notices
from convwise.report.results import Classes, Measured, calibration, classes, shift
from convwise.report.run_folder import RunFiles
from convwise.report.scores import Scores, read_scores
from convwise.report.verdict import images_per_second, train_seconds, verdict
from convwise.report.wording import count, counted, duration, label, moment, percent, shown, value


@dataclass(frozen=True)
class Score:
    """The number at the top: its text, its interval, and where it lies between 0 and 1."""

    accuracy: str
    interval: str | None
    split: str
    chance: str | None
    line: Markup


@dataclass(frozen=True)
class LayerRow:
    """One line of the table of layers."""

    name: str
    layer: str
    output_shape: str
    params: str
    bar: Markup


@dataclass(frozen=True)
class Design:
    """The network as text, and its layers where run.json lists them."""

    text: str | None
    rows: tuple[LayerRow, ...]
    total: str | None


@dataclass(frozen=True)
class Repeat:
    """What someone needs to run it again."""

    command: str | None
    facts: tuple[Fact, ...]
    versions: tuple[Fact, ...]


@dataclass(frozen=True)
class RunPage:
    """The template's whole context."""

    title: str
    created: str | None
    notices: tuple[str, ...]
    score: Score | None
    verdict: tuple[str, ...]
    asked: Asked
    learning: Learning | None
    split: str
    images: int
    matrix: Matrix | None
    classes: Classes | None
    calibration: Measured | None
    shift: Measured | None
    gallery: Gallery | None
    design: Design | None
    repeat: Repeat
    cost: tuple[Fact, ...]


def run_page(files: RunFiles, pictures: Mapping[str, npt.NDArray[np.uint8]]) -> RunPage:
    """Return what the page shows.

    Args:
        files: the files of a run.
        pictures: uint8 (height, width, channels) per id of predictions.csv.

    Raises:
        DataError: a picture is of another kind.

    Example:
        >>> run_page(RunFiles("first", run={}), pictures={}).verdict
        ('This run has not been scored.',)
    """
    scores = read_scores(files.metrics)
    created = text(files.run, "created")
    return RunPage(
        title=_title(files),
        created=moment(created) if created else None,
        notices=notices(files, scores),
        score=_score(scores) if scores else None,
        verdict=verdict(files, scores),
        asked=asked(files),
        learning=learning(files.history),
        split=scores.split if scores else "test",
        images=scores.images if scores else 0,
        matrix=matrix(_names(files, scores), scores.confusion) if scores else None,
        classes=classes(scores) if scores else None,
        calibration=calibration(scores) if scores else None,
        shift=shift(scores) if scores else None,
        gallery=None if files.predictions is None else gallery(files.predictions, pictures),
        design=_design(mapping(files.run, "network")),
        repeat=_repeat(files.run),
        cost=_cost(files),
    )


def _title(files: RunFiles) -> str:
    network = text(mapping(files.run, "network"), "name")
    data = text(mapping(files.run, "data"), "name")
    if network and data:
        return f"{shown(network)} on {shown(data)}"
    return shown(network or data or files.name)


def _names(files: RunFiles, scores: Scores) -> list[str]:
    names = [str(name) for name in items(mapping(files.run, "data"), "classes")]
    return names or [one.name for one in scores.per_class]


def _score(scores: Scores) -> Score:
    largest = max((sum(row) for row in scores.confusion), default=0)
    chance = largest / scores.images if largest else None
    interval = scores.accuracy_interval
    return Score(
        accuracy=percent(scores.accuracy),
        interval=None if interval is None else f"{percent(interval[0])} to {percent(interval[1])}",
        split=scores.split,
        chance=None if chance is None else percent(chance),
        line=score_line(scores.accuracy, interval, chance),
    )


def _design(network: Json) -> Design | None:
    notation, rows = text(network, "text"), objects(network, "rows")
    if notation is None and not rows:
        return None
    total = sum(number(row, "params") or 0 for row in rows)
    return Design(
        text=notation,
        rows=tuple(_layer_row(row, total) for row in rows),
        total=count(total) if rows else None,
    )


def _layer_row(row: Json, total: float) -> LayerRow:
    params = number(row, "params") or 0
    sides = [as_number(side) for side in items(row, "output_shape")]
    return LayerRow(
        name=shown(row.get("name", "")),
        layer=value(row.get("layer")),
        output_shape=" × ".join(f"{side:.0f}" for side in sides if side is not None) or "–",
        params=count(params) if params else "–",
        bar=share_bar(params / total if total else 0),
    )


def _repeat(run: Json) -> Repeat:
    data, machine = mapping(run, "data"), mapping(run, "machine")
    facts = []
    seed = number(run, "seed")
    if seed is not None:
        facts.append(Fact("Seed", f"{seed:.0f}"))
    fingerprint = text(data, "fingerprint")
    if fingerprint:
        facts.append(Fact("Data fingerprint (SHA-256)", shown(fingerprint)))
    facts += [Fact(label(key), value(of)) for key, of in machine.items() if key == "system"]
    own = text(run, "convwise")
    versions = mapping(run, "versions")
    numbers = [Fact("convwise", shown(own))] if own and "convwise" not in versions else []
    numbers += [Fact(shown(key), shown(versions[key])) for key in versions]
    command = text(run, "command")
    return Repeat(command, tuple(facts), tuple(numbers))


def _cost(files: RunFiles) -> tuple[Fact, ...]:
    facts = []
    seconds, threads = train_seconds(files), number(files.run, "threads")
    if seconds is not None:
        facts.append(Fact("Training", duration(seconds)))
        if threads:
            facts.append(Fact("Training × threads", duration(seconds * threads)))
    # history.jsonl counts seconds from the start of training.
    ends = [0.0, *(end for epoch in files.history if (end := number(epoch, "seconds")))]
    if len(ends) > 1:
        each = [end - start for start, end in itertools.pairwise(ends)]
        facts.append(Fact("An epoch (median)", duration(statistics.median(each))))
    speed = images_per_second(files)
    if speed is not None:
        facts.append(Fact("Speed", f"{counted(speed, 'image')} a second"))
    facts += _machine(mapping(files.run, "machine"))
    return tuple(facts)


def _machine(machine: Json) -> list[Fact]:
    facts = []
    cpu, cores, memory = (
        text(machine, "cpu"),
        number(machine, "cores"),
        number(machine, "memory_gb"),
    )
    if cpu:
        facts.append(Fact("Processor", shown(cpu)))
    if cores:
        facts.append(Fact("Cores", count(cores)))
    if memory:
        facts.append(Fact("Memory", f"{memory:.1f} GB"))
    return facts
