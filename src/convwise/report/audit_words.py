"""What an audit comes to in words: the headline, the figures, and what to do."""

from __future__ import annotations

from dataclasses import dataclass

from convwise.data.audit.findings import Audit, NearDuplicate
from convwise.report.facts import Fact, listing
from convwise.report.wording import count, counted

_FITTED = {"pad": "padded", "crop": "cropped", "stretch": "stretched"}


@dataclass(frozen=True)
class Step:
    """Something to do, and the section that shows why.

    Args:
        words: what to do, in a sentence or two.
        section: id of the section.
    """

    words: str
    section: str


def headline(audit: Audit) -> str:
    """Return the verdict in one sentence.

    Example:
        >>> headline(Audit("pets", (8, 8, 1), {"train": {"cat": 2, "dog": 1}}))
        '3 pictures in 2 classes; nothing needs attention.'
    """
    said = (
        f"{counted(audit.images, 'picture')} in {counted(len(audit.classes), 'class', 'classes')}"
    )
    pictures = attention(audit)
    if pictures:
        return f"{said}; {count(pictures)} {'needs' if pictures == 1 else 'need'} attention."
    if steps(audit):
        return f"{said}; nothing is wrong, a little is worth a look."
    return f"{said}; nothing needs attention."


def attention(audit: Audit) -> int:
    """Return how many pictures spoil training or scores: unreadable, leaked, or with two labels."""
    wrong = {picture for each in audit.leaks + audit.conflicts for picture in each.pictures}
    return len(wrong) + len(audit.damaged)


def within(audit: Audit) -> int:
    """Return how many sets of equal pictures stand in one split and have one label."""
    return sum(not each.crosses_split and not each.conflicts for each in audit.duplicates)


def near_across(audit: Audit) -> tuple[NearDuplicate, ...]:
    """Return the near duplicates that stand in two splits."""
    return tuple(pair for pair in audit.near_duplicates or () if pair.crosses_split)


def figures(audit: Audit) -> tuple[Fact, ...]:
    """Return the figures at the top, in the order in which people ask for them."""
    near = audit.near_duplicates
    return (
        Fact("Pictures that can be read", count(audit.images)),
        Fact("Classes", count(len(audit.classes))),
        Fact("Files that cannot be read", count(len(audit.damaged))),
        Fact("Sets of equal pictures across splits", count(len(audit.leaks))),
        Fact("Sets of equal pictures under two labels", count(len(audit.conflicts))),
        Fact("Pairs of near duplicates", "not searched" if near is None else count(len(near))),
    )


def format_words(image_format: tuple[int, int, int], resize: str) -> str:
    """Return an image format in words.

    Example:
        >>> format_words((28, 32, 1), "pad")
        '28×32 pixels, grey, padded'
    """
    height, width, channels = image_format
    colour = "grey" if channels == 1 else "colour"
    return f"{height}×{width} pixels, {colour}, {_FITTED.get(resize, resize)}"


def split_words(audit: Audit) -> str:
    """Return how many pictures each split has, and which splits convwise made."""
    sizes = {split: sum(counts.values()) for split, counts in audit.counts.items()}
    said = ", ".join(f"{count(size)} {split}" for split, size in sizes.items())
    if not audit.carved:
        return f"{said}: the splits are the source’s own."
    made = "was" if len(audit.carved) == 1 else "were"
    return f"{said}: {listing(audit.carved)} {made} made by convwise, as the source had none."


def steps(audit: Audit) -> tuple[Step, ...]:
    """Return what to do, the most harmful finding first."""
    return (
        *_classes(audit),
        *_damaged(audit),
        *_leaks(audit),
        *_conflicts(audit),
        *_near(audit),
        *_within(audit),
        *_warnings(audit),
    )


def _classes(audit: Audit) -> tuple[Step, ...]:
    bare = [name for name, images in audit.counts.get("train", {}).items() if not images]
    if not bare:
        return ()
    has = "has" if len(bare) == 1 else "have"
    return (
        Step(
            f"Add pictures to learn from: {listing(bare)} {has} none that can be read in train.",
            "counts",
        ),
    )


def _damaged(audit: Audit) -> tuple[Step, ...]:
    if not audit.damaged:
        return ()
    files = counted(len(audit.damaged), "file")
    return (
        Step(
            f"Replace or remove {files} that cannot be read. Training goes on without them.",
            "unread",
        ),
    )


def _leaks(audit: Audit) -> tuple[Step, ...]:
    if not audit.leaks:
        return ()
    sets = counted(len(audit.leaks), "set")
    return (
        Step(
            f"Keep each picture in one split ({sets} of equal pictures in more than one). "
            "A network that has seen a test picture scores better than it is.",
            "leaks",
        ),
    )


def _conflicts(audit: Audit) -> tuple[Step, ...]:
    if not audit.conflicts:
        return ()
    sets = counted(len(audit.conflicts), "set")
    return (
        Step(f"Decide on one label ({sets} of equal pictures with more than one).", "conflicts"),
    )


def _near(audit: Audit) -> tuple[Step, ...]:
    pairs = near_across(audit)
    if not pairs:
        return ()
    told = counted(len(pairs), "pair")
    return (
        Step(
            f"Look at the near duplicates across splits ({told}): "
            "what shows the same thing belongs in one split.",
            "near",
        ),
    )


def _within(audit: Audit) -> tuple[Step, ...]:
    sets = within(audit)
    if not sets:
        return ()
    return (
        Step(
            f"Remove copies within a split ({counted(sets, 'set')} of equal pictures), unless they "
            "are meant: a picture that stands there twice weighs twice.",
            "duplicates",
        ),
    )


def _warnings(audit: Audit) -> tuple[Step, ...]:
    if not audit.warnings:
        return ()
    return (Step(f"Read {counted(len(audit.warnings), 'warning')} about the whole.", "warnings"),)
