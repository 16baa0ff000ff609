from __future__ import annotations

import pytest

from convwise.cli.share import parse_share
from convwise.errors import OptionError


@pytest.mark.parametrize(
    ("text", "share"), [("5%", 0.05), ("5 %", 0.05), ("0.05", 0.05), ("0", 0.0), ("100%", 1.0)]
)
def test_shares_are_read_as_people_write_them(text: str, share: float) -> None:
    assert parse_share(text, "--max-bad") == share


@pytest.mark.parametrize("text", ["", "%", "5", "-1%", "101%", "nan", "inf", "a lot"])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(OptionError, match=r"--max-bad .*write a share from 0% to 100%"):
        parse_share(text, "--max-bad")
