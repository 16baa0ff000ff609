"""What a run was trained and scored on, and what the audit before it found."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from convwise.data.audit.findings import Audit
from convwise.report.audit_counts import Counts, class_counts
from convwise.report.audit_read import read_audit
from convwise.report.audit_words import split_words, steps
from convwise.report.facts import MOST_NAMES, Fact, listing
from convwise.report.fields import Json, items, mapping, number, objects, text
from convwise.report.run_folder import RunFiles
from convwise.report.wording import count, counted, label, shown

MOST_SKIPPED = 100
_FITTED = {"pad": "padded", "crop": "cropped", "stretch": "stretched"}


@dataclass(frozen=True)
class Skipped:
    """Files that were left out: how many for each reason, and the first of them by name."""

    total: int
    reasons: tuple[Fact, ...]
    files: tuple[Fact, ...]


@dataclass(frozen=True)
class Data:
    """The section's content.

    Args:
        lead: what the audit comes to, in a sentence; None where there is no audit.
        facts: the data in figures.
        findings: one sentence each, with what to do about it.
        counts: images of each class in each split; None where they are not known.
        uneven: whether classes differ in size, which is worth looking at.
        skipped: files that were left out; None where that is not known.
    """

    lead: str | None
    facts: tuple[Fact, ...]
    findings: tuple[str, ...]
    counts: Counts | None
    uneven: bool
    skipped: Skipped | None


def data_summary(files: RunFiles) -> Data | None:
    """Return the data and the findings of the audit, or None where nothing is known of either."""
    audit = None if files.audit is None else read_audit(files.audit)
    facts = _facts(files, audit)
    if not facts and audit is None:
        return None
    findings = () if audit is None else _findings(audit)
    return Data(
        lead=None if audit is None else _lead(audit, findings),
        facts=facts,
        findings=findings,
        counts=class_counts(audit) if audit and audit.classes else None,
        uneven=audit is not None and len(set(audit.classes.values())) > 1,
        skipped=_skipped(files),
    )


def _lead(audit: Audit, findings: tuple[str, ...]) -> str:
    said = counted(audit.images, "image")
    if audit.classes:
        said += f" in {counted(len(audit.classes), 'class', 'classes')}"
    if not findings:
        return f"{said}. The audit found nothing that needs attention."
    return f"{said}. The audit found {counted(len(findings), 'thing')} worth knowing."


def _findings(audit: Audit) -> tuple[str, ...]:
    said = [step.words for step in steps(audit) if step.section != "warnings"]
    said += [shown(warning) for warning in audit.warnings[:MOST_NAMES]]
    if audit.moved:
        images = counted(len(audit.moved), "image")
        said.append(
            f"{images} of a split that convwise made had a copy elsewhere, and moved to training."
        )
    said += [
        f"{label(odd.name)}: {counted(len(odd.pictures), 'image')}, for example "
        f"{shown(odd.pictures[0].path)}."
        for odd in audit.oddities
        if odd.pictures
    ]
    return tuple(said)


def _facts(files: RunFiles, audit: Audit | None) -> tuple[Fact, ...]:
    data = mapping(files.run, "data")
    facts = []
    name, source = text(data, "name"), text(data, "source")
    if name or source:
        facts.append(Fact("Data", shown(name or source)))
    if name and source and name != source:
        facts.append(Fact("Source", shown(source)))
    if images := _images(data, audit):
        facts.append(Fact("Images", images))
    classes = items(data, "classes")
    if classes:
        facts.append(Fact("Classes", f"{count(len(classes))}: {listing(classes)}"))
    if audit is not None and (sizes := tuple(audit.classes.values())):
        facts.append(Fact("Class sizes", _sizes(min(sizes), max(sizes))))
    form = _image_format(mapping(files.run, "image_format"))
    if form:
        facts.append(Fact("Each image", form))
    if audit is not None:
        facts += _copies(audit)
    return tuple(facts)


def _images(data: Json, audit: Audit | None) -> str:
    counts = mapping(data, "counts")
    splits = [(key, number(counts, key)) for key in counts]
    told = [f"{count(images)} {shown(split)}" for split, images in splits if images is not None]
    if told and audit is not None and audit.carved and set(audit.counts) == set(counts):
        return split_words(audit)
    return ", ".join(told)


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


def _copies(audit: Audit) -> list[Fact]:
    """Return what was looked for, so that a page without findings says what it means."""
    leaks = counted(len(audit.leaks), "set") if audit.leaks else "none"
    return [
        Fact("Equal images across splits", leaks),
        Fact("Equal images, two labels", counted(len(audit.conflicts), "set"))
        if audit.conflicts
        else Fact("Equal images, two labels", "none"),
        Fact("Near duplicates", "not searched before a training; convwise audit does"),
    ]


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
