"""Shares as people write them: 5%, 5 % or 0.05."""

from __future__ import annotations

from convwise.errors import OptionError


def parse_share(text: str, option: str) -> float:
    """Return a share between 0 and 1.

    Args:
        text: for example ``5%`` or ``0.05``.
        option: what it was given for, for the message.

    Raises:
        OptionError: the text is no share between 0 and 1.

    Example:
        >>> parse_share("5%", "--max-bad")
        0.05
    """
    number, percent = text.strip(), text.strip().endswith("%")
    try:
        value = float(number.removesuffix("%")) / (100 if percent else 1)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise OptionError(f"{option} {text}: write a share from 0% to 100%, for example 5%")
    return value
