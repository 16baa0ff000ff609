"""Balance: whether every class has enough pictures, and names that are easily confused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

ENOUGH = 10
IMBALANCE = 10

_NAMED = 5


def balance_warnings(classes: Sequence[str], counts: Mapping[str, int]) -> tuple[str, ...]:
    """Return a sentence for everything that makes classes hard to learn.

    Args:
        classes: class names.
        counts: class → readable training pictures.

    Example:
        >>> balance_warnings(["cat", "dog"], {"cat": 90, "dog": 3})[0]
        'fewer than 10 training pictures: dog (3)'
    """
    have = {name: counts.get(name, 0) for name in classes}
    warnings = []
    if empty := [name for name, count in have.items() if count == 0]:
        warnings.append(f"no readable training picture: {_some(empty)}")
    if few := [f"{name} ({count})" for name, count in have.items() if 0 < count < ENOUGH]:
        warnings.append(f"fewer than {ENOUGH} training pictures: {_some(few)}")
    filled = {name: count for name, count in have.items() if count}
    if filled:
        most, least = max(filled, key=filled.__getitem__), min(filled, key=filled.__getitem__)
        if filled[most] > IMBALANCE * filled[least]:
            warnings.append(
                f"imbalance: {most} has {filled[most]:,} training pictures, "
                f"{least} has {filled[least]:,}"
            )
    return (*warnings, *_same_but_for_case(classes))


def _same_but_for_case(classes: Sequence[str]) -> list[str]:
    alike: dict[str, list[str]] = {}
    for name in classes:
        alike.setdefault(name.casefold(), []).append(name)
    return [
        f"class names that differ only in case: {_some(names)}; they count as different classes"
        for names in alike.values()
        if len(names) > 1
    ]


def _some(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
