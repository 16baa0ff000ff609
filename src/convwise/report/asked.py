"""How a run was trained: what was asked of it, and what it was resolved to."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import PurePath

from convwise.report.facts import Fact
from convwise.report.fields import Json, mapping, number, objects, text
from convwise.report.recipe_words import asked_for, precision_words, settings_used
from convwise.report.run_folder import RunFiles
from convwise.report.wording import count, counted, duration, label, percent, shown


@dataclass(frozen=True)
class Racer:
    """One precision of the race."""

    precision: str
    speed: str
    error: str
    verdict: str
    chosen: bool


@dataclass(frozen=True)
class Asked:
    """The section's content."""

    lead: str | None
    start: tuple[Fact, ...]
    settings: tuple[Fact, ...]
    race: tuple[Racer, ...]
    everything: str | None


def asked(files: RunFiles) -> Asked:
    """Collect what was asked, and what came of it."""
    wishes = mapping(files.run, "asked")
    return Asked(
        lead=asked_for(files.run),
        start=_start(files.run),
        settings=(*settings_used(files.run), *_computing(files.run)),
        race=_race(mapping(files.run, "precision")),
        everything=json.dumps(wishes, indent=2, ensure_ascii=False) if wishes else None,
    )


def _start(run: Json) -> tuple[Fact, ...]:
    """Return what the first step began with."""
    facts = []
    network, start, seed = mapping(run, "network"), mapping(run, "start"), number(run, "seed")
    if name := text(network, "name"):
        facts.append(Fact("Network", shown(name)))
    if start:
        facts += _transfer(start)
    elif network:
        drawn = "" if seed is None else f", by seed {seed:.0f}"
        facts.append(Fact("First weights", f"drawn at random{drawn}"))
    return tuple(facts)


def _transfer(start: Json) -> list[Fact]:
    source, name = text(start, "source"), text(start, "name")
    facts = [Fact("First weights", f"those of {shown(source or name or '?')}")]
    if file := text(start, "file"):
        # Where it lay on this machine says nothing to a reader elsewhere.
        facts.append(Fact("Weights file", shown(PurePath(file).name)))
    if digest := text(start, "sha256"):
        facts.append(Fact("Its SHA-256", shown(digest)))
    head = mapping(start, "head")
    images, seconds, right = (number(head, key) for key in ("images", "seconds", "accuracy"))
    if images is not None:
        said = f"learnt alone from {counted(images, 'image')}"
        said += "" if seconds is None else f" in {duration(seconds)}"
        said += "" if right is None else f", {percent(right)} of them right at the end"
        facts.append(Fact("New head", said))
    facts.append(
        Fact("Rates by depth", "full in the head; the deeper below it, the slower a stage learns")
    )
    return facts


def _computing(run: Json) -> list[Fact]:
    facts = []
    if precision := precision_words(run):
        facts.append(Fact("Precision", precision))
    for key in ("threads", "seed"):
        asked_for = number(run, key)
        if asked_for is not None:
            facts.append(Fact(label(key), f"{asked_for:.0f}"))
    return facts


def _race(precision: Json) -> tuple[Racer, ...]:
    return tuple(_racer(one, text(precision, "chosen")) for one in objects(precision, "race"))


def _racer(one: Json, chosen: str | None) -> Racer:
    speed, error = number(one, "images_per_second"), number(one, "relative_error")
    name = text(one, "precision")
    return Racer(
        precision=shown(name or "?"),
        speed="–" if speed is None else count(speed),
        error="–" if error is None else f"{error:.1e}" if 0 < error < 0.001 else percent(error),
        verdict=shown(text(one, "verdict") or "–"),
        chosen=name is not None and name == chosen,
    )
