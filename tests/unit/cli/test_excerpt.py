"""The wrong line of a network's text, and the mark below it."""

from __future__ import annotations

import unicodedata

import pytest

from convwise.cli.excerpt import excerpt
from convwise.cli.main import run
from convwise.design.network import Network
from convwise.errors import NotationError


def wrong(text: str) -> NotationError:
    with pytest.raises(NotationError) as caught:
        Network.from_text(text)
    return caught.value


def columns(text: str) -> int:
    return sum(1 + (unicodedata.east_asian_width(letter) in "WF") for letter in text)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("convv 32 3", "convv"),
        ("conv 8 3 | maxpol 2 | flatten", "maxpol"),
        ("conv 8 3\n\nrepeat 2\n  relu\n  dens 3 # the last one", "dens"),
        ("conv 8 3 smae", "smae"),
        ("flatten\r\ndense classes relu tanh", "tanh"),
        ("conv 8 3 | 日本 3 | flatten", "日本"),
        ("repeat 2 (conv 8 3 | (relu))", "("),
        ("conv 8 3 | " * 40 + "maxpol 2", "maxpol"),
        ("maxpol 2" + " | conv 8 3" * 40, "maxpol"),
    ],
)
def test_the_mark_stands_below_the_wrong_word(text: str, word: str) -> None:
    line, mark = excerpt(wrong(text))
    start = columns(mark) - columns(mark.lstrip())
    assert set(mark.strip()) == {"^"}
    assert columns(line[: line.index(word)]) <= start
    before = next(line[:end] for end in range(len(line) + 1) if columns(line[:end]) == start)
    assert line[len(before) :].startswith(word)
    assert columns(mark.strip()) == columns(word)
    assert max(columns(line), columns(mark)) <= 80


def test_the_mark_stands_behind_a_line_that_ends_too_early() -> None:
    line, mark = excerpt(wrong("conv 8 3 |"))
    assert line == "  conv 8 3 |"
    assert mark.index("^") == line.index("|")


def test_letters_that_move_the_cursor_are_shown_as_spaces() -> None:
    line, _ = excerpt(wrong("conv 8 3\n\tdense\u202e 3\x1b[31m"))
    assert line.isprintable()


@pytest.mark.parametrize("text", ["", "# nothing\n"])
def test_an_empty_text_has_no_excerpt_or_shows_its_line(text: str) -> None:
    assert len(excerpt(wrong(text))) == (2 if text else 0)


def test_a_very_long_text_is_cut() -> None:
    assert all(columns(line) <= 80 for line in excerpt(wrong("conv " * 100_000)))


def test_an_error_that_knows_no_text_has_no_excerpt() -> None:
    assert excerpt(NotationError("no layer", line=3)) == ()


def test_the_command_line_shows_message_line_and_mark(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["design", "conv 8 3\nmaxpol 2"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    message, line, mark = captured.err.splitlines()
    assert message.startswith("convwise: line 2, column 1: maxpol is no layer — did you mean")
    assert (line, mark) == ("  maxpol 2", "  ^^^^^^")
