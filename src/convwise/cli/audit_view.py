"""An audit as text for a terminal of 80 columns."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from convwise.data.audit.findings import Audit, Duplicate, NearDuplicate

EXAMPLES = 3
CLASSES_SHOWN = 30


def audit_view(found: Audit, data: str) -> Group:
    """Return tables of the images and the findings, and what to do next.

    Args:
        found: the findings.
        data: what the user called the data set.
    """
    parts: list[RenderableType] = [_counts(found), Text()]
    for warning in found.warnings:
        parts.append(Text(f"note: {warning}"))
    if found.moved:
        parts.append(
            Text(
                f"note: {len(found.moved)} held-out images have a copy elsewhere: moved to training"
            )
        )
    rows = list(_findings(found))
    if rows:
        parts += [_table(rows), Text()]
    parts.append(Text(_next_step(found, data)))
    return Group(*parts)


def _counts(found: Audit) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("class", overflow="fold", max_width=36)
    for split in found.counts:
        made = "*" if split in found.carved else ""
        table.add_column(f"{split}{made}", justify="right")
    table.add_column("all", justify="right")
    for name, total in list(found.classes.items())[:CLASSES_SHOWN]:
        counts = [f"{split[name]:,}" for split in found.counts.values()]
        table.add_row(Text(_shown(name)), *counts, f"{total:,}")
    if len(found.classes) > CLASSES_SHOWN:
        table.add_row(f"… {len(found.classes) - CLASSES_SHOWN} more classes")
    totals = [f"{sum(split.values()):,}" for split in found.counts.values()]
    table.add_row(f"{len(found.classes)} classes", *totals, f"{found.images:,}", style="bold")
    if found.carved:
        table.caption = "* held out by convwise; the source has no such split"
        table.caption_justify = "left"
    return table


def _findings(found: Audit) -> Iterable[tuple[str, int, list[str]]]:
    reasons: dict[str, list[str]] = {}
    for each in found.skipped:
        reasons.setdefault(each.reason, []).append(each.path)
    for reason, paths in sorted(reasons.items(), key=lambda item: -len(item[1])):
        yield f"skipped: {reason}", len(paths), paths
    near = found.near_duplicates or ()
    yield "copies in two splits (leaks)", len(found.leaks), [*map(_copies, found.leaks)]
    yield "copies with two labels", len(found.conflicts), [*map(_copies, found.conflicts)]
    yield "exact duplicates", len(found.duplicates), [*map(_copies, found.duplicates)]
    crossing = [pair for pair in near if pair.crosses_split]
    yield "near duplicates across splits", len(crossing), [*map(_pair, crossing)]
    inside = [pair for pair in near if not pair.crosses_split]
    yield "near duplicates within a split", len(inside), [*map(_pair, inside)]
    for oddity in found.oddities:
        paths = [picture.path for picture in oddity.pictures]
        yield f"{oddity.name.replace('_', ' ')}: {oddity.meaning}", len(paths), paths


def _table(rows: list[tuple[str, int, list[str]]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("finding", overflow="fold", ratio=1)
    table.add_column("how many", justify="right")
    table.add_column("for example", overflow="fold", ratio=1)
    for name, count, examples in rows:
        if count:
            table.add_row(Text(name), f"{count:,}", Text("\n".join(map(_shown, examples[:3]))))
    return table


def _copies(duplicate: Duplicate) -> str:
    first, *others = duplicate.pictures
    more = f" and {len(others) - 1} more" if len(others) > 1 else ""
    return f"{first.path} = {others[0].path}{more}"


def _pair(pair: NearDuplicate) -> str:
    return f"{pair.a.path} ~ {pair.b.path} ({pair.distance:.1f})"


def _shown(text: str) -> str:
    # A line break in a file's name must not break the table.
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)


def _next_step(found: Audit, data: str) -> str:
    near = found.near_duplicates or ()
    troubles = len(found.damaged) + len(found.duplicates) + len(near)
    if not troubles:
        return f"nothing to mend; next: convwise train {data}"
    return (
        "nothing was changed. See each finding with --html audit.html; leave the offenders out with"
        f"\n  convwise audit {data} --write-table clean.csv\n  convwise train clean.csv"
    )
