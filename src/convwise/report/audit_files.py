"""Files that an audit left out, by reason."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from convwise.data.dataset import Skipped
from convwise.report.wording import counted, shown

MOST_FILES = 50
MOST_REASONS = 25


@dataclass(frozen=True)
class Reason:
    """One reason, the first of its files by name, and how many more there are."""

    reason: str
    files: str
    paths: tuple[str, ...]
    more: int


@dataclass(frozen=True)
class Unread:
    """Files by reason, the most frequent reason first, and files of reasons that are not told."""

    total: str
    reasons: tuple[Reason, ...]
    more: int


def by_reason(skipped: Sequence[Skipped], most: int = MOST_FILES) -> Unread:
    """Group files by why they were left out.

    Args:
        skipped: the files.
        most: paths in all; each reason has an equal share of them, and one at least.

    Example:
        >>> found = by_reason([Skipped("a.png", "the file is empty", damaged=True)])
        >>> found.total, found.reasons[0].paths
        ('1 file', ('a.png',))
    """
    groups: dict[str, list[str]] = defaultdict(list)
    for each in skipped:
        groups[each.reason].append(each.path)
    ordered = sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))
    told, rest = ordered[:MOST_REASONS], ordered[MOST_REASONS:]
    share = max(1, most // max(1, len(told)))
    return Unread(
        total=counted(len(skipped), "file"),
        reasons=tuple(
            Reason(
                shown(reason),
                counted(len(paths), "file"),
                tuple(shown(path) for path in paths[:share]),
                max(0, len(paths) - share),
            )
            for reason, paths in told
        ),
        more=sum(len(paths) for _, paths in rest),
    )
