"""An audit as one self-contained page, with pictures of whatever was found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from convwise.data.audit.findings import Audit, Duplicate, Located, NearDuplicate
from convwise.data.dataset import Decoded
from convwise.report.audit_counts import Counts, class_counts
from convwise.report.audit_files import Unread, by_reason
from convwise.report.audit_thumbs import Thumbnails, Tile
from convwise.report.audit_words import (
    Step,
    figures,
    format_words,
    headline,
    near_across,
    split_words,
    steps,
)
from convwise.report.facts import Fact
from convwise.report.page_writer import render
from convwise.report.wording import counted, label, shown

# So many sets, and pictures of each: a page without bounds is not looked at.
MOST_SETS = 6
MOST_OF_A_SET = 3
MOST_PAIRS = 24
MOST_OF_AN_ODDITY = 4
MOST_ODDITIES = 12
MOST_MOVED = 8
MOST_WARNINGS = 50
GRID_CLASSES = 20
GRID_PICTURES = 8


@dataclass(frozen=True)
class Set:
    """Pictures side by side, what is to be said of them, and how many are not shown."""

    tiles: tuple[Tile, ...]
    words: str
    more: int = 0


@dataclass(frozen=True)
class Sets:
    """A section of sets, and how many more there are."""

    lead: str
    sets: tuple[Set, ...]
    more: int


@dataclass(frozen=True)
class Strange:
    """One oddity."""

    name: str
    meaning: str
    pictures: str
    tiles: tuple[Tile, ...]


@dataclass(frozen=True)
class ClassRow:
    """Some pictures of one class."""

    name: str
    tiles: tuple[Tile, ...]


@dataclass(frozen=True)
class AuditPage:
    """The template's whole context."""

    source: str
    headline: str
    said: tuple[str, ...]
    figures: tuple[Fact, ...]
    steps: tuple[Step, ...]
    damaged: Unread
    others: Unread
    leaks: Sets
    conflicts: Sets
    duplicates: Sets
    near: Sets | None
    oddities: tuple[Strange, ...]
    more_oddities: int
    counts: Counts
    grid: tuple[ClassRow, ...]
    more_classes: int
    format: str
    warnings: tuple[str, ...]
    more_warnings: int
    moved: Sets


def audit_page(audit: Audit, decoded: Decoded) -> str:
    """Return an audit as one HTML file that asks for nothing beyond itself.

    Args:
        audit: the findings.
        decoded: the pixels that they are about; at most 200 pictures are put into the page.

    Example:
        >>> from convwise.data import load_data
        >>> from convwise.data.audit.audit import audit
        >>> decoded = load_data("fashion-mini").decode()
        >>> page = audit_page(audit(decoded), decoded)
        >>> "12,000 pictures in 10 classes" in page
        True
    """
    thumbs = Thumbnails(decoded)
    form = format_words(audit.image_format, decoded.dataset.format.resize)
    within = [each for each in audit.duplicates if not each.crosses_split and not each.conflicts]
    warnings = tuple(shown(each) for each in audit.warnings)
    page = AuditPage(
        source=shown(audit.source),
        headline=headline(audit),
        said=(split_words(audit),),
        figures=figures(audit),
        steps=steps(audit),
        damaged=by_reason(audit.damaged),
        others=by_reason([each for each in audit.skipped if not each.damaged]),
        leaks=_sets(audit.leaks, thumbs, "in more than one split"),
        conflicts=_sets(audit.conflicts, thumbs, "with more than one label"),
        duplicates=_sets(within, thumbs, "in one split, under one label"),
        near=_near(audit, thumbs),
        oddities=_oddities(audit, thumbs),
        more_oddities=max(0, len(audit.oddities) - MOST_ODDITIES),
        counts=class_counts(audit),
        moved=_moved(audit, thumbs),
        # The grid comes last, so that findings never lack a picture because of it.
        grid=_grid(decoded, thumbs),
        more_classes=max(0, len(decoded.dataset.classes) - GRID_CLASSES),
        format=form,
        warnings=warnings[:MOST_WARNINGS],
        more_warnings=max(0, len(warnings) - MOST_WARNINGS),
    )
    return render("audit.html.j2", styles=("style.css", "audit.css"), page=page)


def _sets(found: Sequence[Duplicate], thumbs: Thumbnails, words: str) -> Sets:
    sets = tuple(_set(each, thumbs) for each in found[:MOST_SETS])
    lead = f"{counted(len(found), 'set')} of equal pictures {words}."
    return Sets(lead, sets, len(found) - len(sets))


def _set(found: Duplicate, thumbs: Thumbnails) -> Set:
    """Return a set in which pictures of each split and label are seen first."""
    seen: set[tuple[str, str]] = set()
    first: list[Located] = []
    rest: list[Located] = []
    for picture in found.pictures:
        kind = (picture.split, picture.label)
        (rest if kind in seen else first).append(picture)
        seen.add(kind)
    tiles = thumbs.tiles(first + rest, MOST_OF_A_SET)
    return Set(tiles, "", len(found.pictures) - len(tiles))


def _near(audit: Audit, thumbs: Thumbnails) -> Sets | None:
    if audit.near_duplicates is None:
        return None
    pairs = sorted(
        audit.near_duplicates, key=lambda pair: (pair.distance, pair.a.path, pair.b.path)
    )
    sets = tuple(
        Set((thumbs.tile(pair.a), thumbs.tile(pair.b)), _apart(pair)) for pair in pairs[:MOST_PAIRS]
    )
    lead = f"{counted(len(pairs), 'pair')}, the closest first"
    across = len(near_across(audit))
    lead += f"; {counted(across, 'pair')} across splits." if across else "; none across splits."
    return Sets(lead, sets, len(pairs) - len(sets))


def _apart(pair: NearDuplicate) -> str:
    levels = f"{pair.distance:.1f}"
    return f"{levels} grey {'level' if levels == '1.0' else 'levels'} apart"


def _oddities(audit: Audit, thumbs: Thumbnails) -> tuple[Strange, ...]:
    return tuple(
        Strange(
            "CMYK" if each.name == "cmyk" else label(each.name),
            _sentence(shown(each.meaning)),
            counted(len(each.pictures), "picture"),
            thumbs.tiles(each.pictures, MOST_OF_AN_ODDITY),
        )
        for each in audit.oddities[:MOST_ODDITIES]
        if each.pictures
    )


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:].rstrip(".") + "."


def _moved(audit: Audit, thumbs: Thumbnails) -> Sets:
    moved = audit.moved
    verb = "was" if len(moved) == 1 else "were"
    lead = (
        f"{counted(len(moved), 'picture')} {verb} moved to train, so that no split that convwise "
        "made holds a copy of a training picture."
    )
    tiles = thumbs.tiles(moved, MOST_MOVED)
    return Sets(lead, (Set(tiles, ""),) if tiles else (), len(moved) - len(tiles))


def _grid(decoded: Decoded, thumbs: Thumbnails) -> tuple[ClassRow, ...]:
    """Return the first training pictures of each class, as many as the page has left."""
    names = decoded.dataset.classes[:GRID_CLASSES]
    most = min(GRID_PICTURES, thumbs.left // max(1, len(names)))
    return tuple(
        ClassRow(shown(name), thumbs.first_of_class("train", place, most))
        for place, name in enumerate(names)
    )
