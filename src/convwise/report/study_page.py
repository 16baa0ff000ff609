"""A study as one self-contained page: each question with its verdict, pictures and costs."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convwise.report.facts import Fact
from convwise.report.page_writer import render
from convwise.report.study_charts import Figure, Strip, curves, differences, growth, strips
from convwise.report.wording import count, counted, duration, moment, percent, shown
from convwise.studies.arm_results import ArmResult
from convwise.studies.computing import Computing
from convwise.studies.findings import Answer
from convwise.studies.study import Study
from convwise.studies.words import points
from convwise.training.storage import write_atomically

PAGE = "study.html"


@dataclass(frozen=True)
class ArmRow:
    """A line of the table of arms."""

    name: str
    note: str
    accuracy: str
    interval: str
    params: str
    flops: str
    epoch: str
    prediction: str
    epochs: str
    seeds: str
    network: str


@dataclass(frozen=True)
class Section:
    """A question on the page."""

    name: str
    title: str
    word: str
    sentence: str
    caution: str
    further: tuple[str, ...]
    claim: str
    source: str
    facts: tuple[Fact, ...]
    differences: Figure | None
    curves: tuple[Figure, ...]
    growth: tuple[Figure, ...]
    strips: tuple[Strip, ...]
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    arms: tuple[ArmRow, ...]
    command: str


@dataclass(frozen=True)
class StudyPage:
    """The template's whole context."""

    title: str
    created: str
    said: tuple[str, ...]
    notices: tuple[str, ...]
    sections: tuple[Section, ...]
    facts: tuple[Fact, ...]
    command: str


def write_study_page(study: Study) -> Path:
    """Write ``study.html`` into the study's folder and return its path.

    Raises:
        StorageError: the page could not be written.
    """
    path = study.folder / PAGE
    write_atomically(path, study_page(study).encode("utf-8", errors="replace"))
    return path


def study_page(study: Study) -> str:
    """Return a study as one HTML file that asks for nothing beyond itself."""
    page = study_contents(study)
    return render("study.html.j2", styles=("style.css", "study.css"), page=page)


def study_contents(study: Study) -> StudyPage:
    """Return what a page says about a study; the lab shows it too."""
    facts = study.facts
    return StudyPage(
        title=f"What matters on {shown(facts['data']['name'])}",
        created=moment(facts["created"]),
        said=_said(study),
        notices=_notices(facts),
        sections=tuple(_section(answer, facts) for answer in study.answers),
        facts=_facts(study),
        command=facts["command"],
    )


def _said(study: Study) -> tuple[str, ...]:
    facts = study.facts
    trained = [answer for answer in study.answers if answer.computed is None]
    told = sum(1 for answer in trained if answer.findings[0].verdict.word != "can't tell")
    computed = len(study.answers) - len(trained)
    said = []
    if trained:
        told_of = counted(len(trained), "question")
        said.append(
            f"{told_of} {'was' if len(trained) == 1 else 'were'} put to paired trainings;"
            f" {told or 'none'} of them {'has' if told < 2 else 'have'} an answer that"
            f" {counted(facts['seeds'], 'seed')} can show."
        )
        said.append(
            "Arms are paired: the same seed gives all of them the same training images, the same"
            " order, and the same first weights where shapes agree. All arms of a question are"
            " scored on the same images, taken from"
            f" {counted(facts['data']['test_images'], 'test image')}."
        )
    if computed:
        said.append(
            f"{counted(computed, 'question')} {'is' if computed == 1 else 'are'} computed exactly."
        )
    return tuple(said)


def _notices(facts: dict[str, Any]) -> tuple[str, ...]:
    if not facts["given_up"]:
        return ()
    budget = f" within {duration(facts['budget'])}" if facts["budget"] else ""
    return (f"To end{budget}, the study gave up {', '.join(facts['given_up'])}.",)


def _facts(study: Study) -> tuple[Fact, ...]:
    facts = study.facts
    data, scale, machine = facts["data"], facts["scale"], facts["machine"]
    timed = any("time_limit" in arm.arm.recipe for each in study.answers for arm in each.arms)
    otherwise = f", or {scale['seconds']:g} s where time is held equal" if timed else ""
    height, width, channels = data["image"]
    return (
        Fact(
            "Data", f"{shown(data['source'])}, {counted(len(data['classes']), 'class', 'classes')}"
        ),
        Fact("Each image", f"{height} × {width} pixels, {counted(channels, 'channel')}"),
        Fact("Images in each training", count(data["train_images"])),
        Fact("Test images", count(data["test_images"])),
        Fact("Epochs", f"{scale['epochs']}{otherwise}"),
        Fact("Seeds", f"{facts['seeds']}, counted from 0"),
        Fact("Margin", f"{points(facts['margin'])} percentage points"),
        Fact(
            "Correction",
            "Holm: over the headlines of all questions, and over the further"
            " comparisons within each question",
        ),
        Fact("Data fingerprint (SHA-256)", data["fingerprint"]),
        Fact("Computed by", _computed_by(Computing(**facts["computing"]))),
        Fact("Machine", f"{shown(machine['cpu'])}, {counted(machine['cores'], 'core')}"),
        Fact("Versions", ", ".join(f"{key} {of}" for key, of in facts["versions"].items())),
    )


def _computed_by(computing: Computing) -> str:
    if not computing.raced:
        return computing.told
    figures = ", ".join(f"{speed:,.0f} by {who}" for who, speed in computing.raced.items())
    return f"{computing.told}; trainings an hour in the race at the start: {figures}"


def _section(answer: Answer, facts: dict[str, Any]) -> Section:
    question, computed = answer.question, answer.computed
    first = answer.findings[0] if answer.findings else None
    told = [
        Fact("Held equal", question.equal),
        Fact("Measured", question.metric),
        Fact("How to read it", question.reading),
    ]
    if question.published:
        told.append(Fact("Published", question.published))
    return Section(
        name=question.name,
        title=question.title,
        word=first.verdict.word if first else "computed",
        sentence=answer.sentence,
        caution=_caution(answer, tuple(facts["data"]["classes"])),
        further=tuple(finding.sentence for finding in answer.findings[1:]),
        claim=question.claim,
        source=question.source,
        facts=tuple(told),
        differences=differences(answer, facts["margin"]),
        curves=tuple(curves(answer)),
        growth=tuple(growth(answer)),
        strips=strips(answer),
        heads=computed.heads if computed else (),
        rows=computed.rows if computed else (),
        arms=tuple(map(_arm_row, answer.arms)),
        command=_command(answer, facts),
    )


def _caution(answer: Answer, classes: tuple[str, ...]) -> str:
    """Return a warning where arms have not learnt: their differences say nothing of designs."""
    guessing = [
        result.arm.name
        for result in answer.arms
        if result.interval[0] <= 1 / len(result.arm.task.classes(classes))
    ]
    if not guessing:
        return ""
    told, are = ", ".join(guessing), "is" if len(guessing) == 1 else "are"
    return (
        f"{told} {are} not surely better than guessing: trained so briefly, arms differ in how soon"
        " they begin to learn rather than in what their design is worth. More --epochs or --images"
        " would help."
    )


def _arm_row(result: ArmResult) -> ArmRow:
    low, high = result.interval
    cost = result.cost
    return ArmRow(
        name=result.arm.name,
        note=result.arm.note,
        accuracy=percent(result.accuracy),
        interval=f"{percent(low)} to {percent(high)}",
        params=count(cost.params),
        flops=count(cost.flops),
        epoch=f"{cost.seconds_per_epoch:.2f}",
        prediction=f"{cost.ms_per_prediction:.3f}",
        epochs=count(cost.epochs),
        seeds=count(result.seeds),
        network=result.arm.network.replace(" | ", "\n").strip(),
    )


def _command(answer: Answer, facts: dict[str, Any]) -> str:
    """Return the command that repeats one question at this scale."""
    scale = facts["scale"]
    if facts["own"] == answer.question.name:
        return str(facts["command"])
    words = ["convwise", "study", facts["data"]["source"], "--questions", answer.question.name]
    if answer.computed is None:
        words += ["--seeds", str(facts["seeds"]), "--epochs", str(scale["epochs"])]
        if scale["images"] is not None:
            words += ["--images", str(scale["images"])]
    return shlex.join(words)
