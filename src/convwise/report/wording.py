"""How the report says numbers, times and names."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

# Characters that turn the reading direction of whatever follows them.
_DIRECTION_MARKS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f")


def shown(name: object) -> str:
    """Return a name as it may stand on a page: visible, on one line, in its own direction.

    Control characters, marks that turn the reading direction and halves of broken characters
    become the replacement character. Markup is not touched: the template escapes it.

    Example:
        >>> shown("a\\tb"), shown("")
        ('a�b', '(no name)')
    """
    text = "".join("�" if _hides(letter) else letter for letter in str(name))
    return text if text.strip() else "(no name)"


def _hides(letter: str) -> bool:
    return letter in _DIRECTION_MARKS or unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp")


def count(number: float) -> str:
    """Return a whole number with its thousands parted.

    Example:
        >>> count(60000)
        '60,000'
    """
    return f"{round(number):,}"


def counted(number: float, noun: str, many: str | None = None) -> str:
    """Return a number with its noun.

    Example:
        >>> counted(1, "image"), counted(2, "class", "classes")
        ('1 image', '2 classes')
    """
    return f"{count(number)} {noun if round(number) == 1 else many or noun + 's'}"


def percent(share: float) -> str:
    r"""Return a share 0…1 in per cent, with more digits where one would round to all or nothing.

    The space before the sign does not break.

    Example:
        >>> percent(0.9256), percent(0.99996), percent(1)
        ('92.6\xa0%', '99.996\xa0%', '100\xa0%')
    """
    if share in (0, 1):
        return f"{share * 100:.0f}\u00a0%"
    for digits in (1, 2, 3):
        text = f"{share * 100:.{digits}f}"
        if 0 < float(text) < 100:
            break
    return f"{text}\u00a0%"


def points(difference: float) -> str:
    """Return a difference of two shares in percentage points, without its sign.

    Example:
        >>> points(-0.0213), points(0.01)
        ('2.1 points', '1.0 points')
    """
    return f"{abs(difference) * 100:.1f} points"


def duration(seconds: float) -> str:
    """Return a time in the two largest units that matter.

    Example:
        >>> duration(3.21), duration(45.2), duration(192), duration(3870)
        ('3.2 s', '45 s', '3 min 12 s', '1 h 4 min')
    """
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def moment(iso: str) -> str:
    """Return an ISO 8601 time as day and minute in UTC; other text comes back as it is.

    Example:
        >>> moment("2025-03-04T05:06:07+00:00")
        '4 March 2025, 05:06 UTC'
    """
    try:
        time = datetime.fromisoformat(iso)
    except ValueError:
        return shown(iso)
    if time.tzinfo is None:
        return f"{time.day} {time:%B %Y, %H:%M}"
    time = time.astimezone(UTC)
    return f"{time.day} {time:%B %Y, %H:%M} UTC"


def label(key: str) -> str:
    """Return a key of a file as a label.

    Example:
        >>> label("batch_size")
        'Batch size'
    """
    words = shown(key).replace("_", " ")
    return words[:1].upper() + words[1:]


def value(anything: object) -> str:
    """Return a JSON value in words.

    Example:
        >>> value({"shift": 2, "flip": True}), value(None), value(0.0005)
        ('shift 2, flip yes', 'none', '0.0005')
    """
    if anything is None:
        return "none"
    if isinstance(anything, bool):
        return "yes" if anything else "no"
    if isinstance(anything, int):
        return count(anything)
    if isinstance(anything, float):
        return f"{anything:.6g}"
    if isinstance(anything, Mapping):
        pairs = (f"{shown(key).replace('_', ' ')} {value(of)}" for key, of in anything.items())
        return ", ".join(pairs) or "none"
    if isinstance(anything, Sequence) and not isinstance(anything, str):
        return ", ".join(value(item) for item in anything) or "none"
    return shown(anything)
