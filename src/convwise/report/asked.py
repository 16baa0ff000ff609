"""What was asked of a run, and what it was resolved to."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from convwise.report.fields import Json, items, mapping, number, objects, text
from convwise.report.run_folder import RunFiles
from convwise.report.wording import count, counted, label, percent, shown, value

# More names or files than this and the list hides what stands after it.
MOST_NAMES = 12
MOST_SKIPPED = 100

_FITTED = {"pad": "padded", "crop": "cropped", "stretch": "stretched"}


@dataclass(frozen=True)
class Fact:
    """A label and what stands against it."""

    label: str
    value: str


@dataclass(frozen=True)
class Skipped:
    """Files that were left out: how many for each reason, and the first of them by name."""

    total: int
    reasons: tuple[Fact, ...]
    files: tuple[Fact, ...]


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

    data: tuple[Fact, ...]
    skipped: Skipped | None
    work: tuple[Fact, ...]
    recipe: tuple[Fact, ...]
    race: tuple[Racer, ...]
    everything: str | None


def asked(files: RunFiles) -> Asked:
    """Collect what was asked."""
    wishes = mapping(files.run, "asked")
    recipe = mapping(files.run, "recipe")
    return Asked(
        data=_data(files),
        skipped=_skipped(files),
        work=_work(files.run),
        recipe=tuple(Fact(label(key), value(of)) for key, of in recipe.items()),
        race=_race(mapping(files.run, "precision")),
        everything=json.dumps(wishes, indent=2, ensure_ascii=False) if wishes else None,
    )


def listing(names: Sequence[object], most: int = MOST_NAMES) -> str:
    """Return names in a row, and how many more there are.

    Example:
        >>> listing(["a", "b", "c"], most=2)
        'a, b and 1 more'
    """
    told = [shown(name) for name in names[:most]]
    rest = len(names) - len(told)
    if rest:
        return f"{', '.join(told)} and {count(rest)} more"
    return " and ".join([", ".join(told[:-1]), told[-1]]) if len(told) > 1 else "".join(told)


def _data(files: RunFiles) -> tuple[Fact, ...]:
    data, audit = mapping(files.run, "data"), files.audit or {}
    facts = []
    name, source = text(data, "name"), text(data, "source")
    if name or source:
        facts.append(Fact("Data", shown(name or source)))
    if name and source and name != source:
        facts.append(Fact("Source", shown(source)))
    counts = mapping(data, "counts")
    splits = [(key, number(counts, key)) for key in counts]
    told = [f"{count(images)} {shown(split)}" for split, images in splits if images is not None]
    if told:
        facts.append(Fact("Images", ", ".join(told)))
    classes = items(data, "classes")
    if classes:
        facts.append(Fact("Classes", f"{count(len(classes))}: {listing(classes)}"))
    per_class = mapping(audit, "classes")
    sizes = [size for key in per_class if (size := number(per_class, key)) is not None]
    if sizes:
        facts.append(Fact("Class sizes", _sizes(min(sizes), max(sizes))))
    form = _image_format(mapping(files.run, "image_format"))
    if form:
        facts.append(Fact("Each image", form))
    for key in ("duplicates", "near_duplicates", "conflicts", "leaks"):
        if found := items(audit, key):
            facts.append(Fact(label(key), count(len(found))))
    return tuple(facts)


def _sizes(least: float, most: float) -> str:
    if least == most:
        return f"{counted(most, 'image')} each"
    return f"{count(least)} to {counted(most, 'image')}"


def _image_format(form: Json) -> str | None:
    height, width, channels = (number(form, key) for key in ("height", "width", "channels"))
    if height is None or width is None:
        return None
    said = f"{height:g} × {width:g} pixels"
    if channels is not None:
        said += {1.0: ", grey", 3.0: ", colour"}.get(channels, f", {channels:g} channels")
    resize = text(form, "resize")
    return f"{said}, {_FITTED.get(resize, shown(resize))} to fit" if resize else said


def _skipped(files: RunFiles) -> Skipped | None:
    found = objects(files.audit or {}, "skipped")
    total = max(len(found), int(number(mapping(files.run, "data"), "skipped") or 0))
    if files.audit is None and not total:
        return None
    pairs = [(shown(one.get("path", "")), shown(one.get("reason", ""))) for one in found]
    reasons = Counter(reason for _, reason in pairs).most_common(MOST_NAMES)
    return Skipped(
        total=total,
        reasons=tuple(Fact(reason, counted(many, "file")) for reason, many in reasons),
        files=tuple(Fact(path, reason) for path, reason in pairs[:MOST_SKIPPED]),
    )


def _work(run: Json) -> tuple[Fact, ...]:
    facts = []
    network = text(mapping(run, "network"), "name")
    if network:
        facts.append(Fact("Network", shown(network)))
    chosen = text(mapping(run, "precision"), "chosen")
    if chosen:
        facts.append(Fact("Precision", shown(chosen)))
    for key in ("threads", "seed"):
        asked_for = number(run, key)
        if asked_for is not None:
            facts.append(Fact(label(key), f"{asked_for:.0f}"))
    return tuple(facts)


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
