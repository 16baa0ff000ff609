from __future__ import annotations

import io
import json
import os
import sys

import pytest
from rich.console import Console

from convwise.cli.clock import clock
from convwise.cli.output import accuracy_line, answers, news, percent, print_json
from convwise.cli.training_view import (
    JsonView,
    LiveView,
    PlainView,
    sparkline,
    training_view,
)
from convwise.training.progress import EpochRecord

RECORD = EpochRecord(1, 0.5, 0.75, 0.6, 0.7, 0.01, 61.0, 1234.5)


@pytest.mark.parametrize("name", ["[b]class[/b]", "a[/b]c", ":cat:", "[link=x]y"])
def test_names_are_printed_as_they_are(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    answers().print(name)
    news().print(name)
    captured = capsys.readouterr()
    assert captured.out == captured.err == f"{name}\n"


def test_json_is_one_line_and_keeps_letters(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"class": "猫", "path": "a\nb"})
    out = capsys.readouterr().out
    assert out == '{"class": "猫", "path": "a\\nb"}\n'


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
def test_json_can_be_printed_in_any_encoding(
    encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {"class": "猫", "path": os.fsdecode(b"caf\xe9.png")}
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    print_json(values)
    stream.flush()
    assert json.loads(stream.buffer.getvalue()) == values  # type: ignore[attr-defined]


def test_json_never_holds_nan() -> None:
    with pytest.raises(ValueError, match="JSON"):
        print_json(float("nan"))


def test_figures_in_words() -> None:
    assert percent(0.12345) == "12.35 %"
    line = accuracy_line({"accuracy": 0.9, "accuracy_interval": [0.88, 0.91], "images": 2000})
    assert line == "90.00 %  (95 % interval 88.00 … 91.00 %, 2,000 images)"


def test_clocks() -> None:
    assert [clock(seconds) for seconds in (-1, 0, 59.6, 3599, 3600)] == [
        *("0:00", "0:00", "1:00", "59:59", "1:00:00")
    ]


def test_a_sparkline_of_one_height_is_level() -> None:
    assert len(set(sparkline([0.3] * 5))) == 1
    assert len(sparkline(list(map(float, range(100))))) == 24


def test_the_view_suits_the_console() -> None:
    pipe, terminal = Console(file=io.StringIO()), Console(file=io.StringIO(), force_terminal=True)
    assert type(training_view(pipe)) is PlainView
    assert isinstance(training_view(terminal), LiveView)
    assert isinstance(training_view(terminal, as_json=True), JsonView)


def test_the_plain_view_prints_a_line_an_epoch() -> None:
    stream = io.StringIO()
    with training_view(Console(file=stream, width=40)) as view:
        view.message("reading")
        view.started(1, 10, None)
        view.step(1, 1, 0.1, 2.0, 100.0)
        view.epoch(RECORD)
    lines = stream.getvalue().splitlines()
    assert lines[0] == "reading"
    assert lines[1].startswith("epoch 1  loss 0.5000  accuracy 0.7500  validation 0.7000")
    assert len(lines) == 2


def test_the_json_view_prints_records_on_standard_output(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with training_view(news(), as_json=True) as view:
        view.message("reading")
        view.epoch(RECORD)
    captured = capsys.readouterr()
    assert json.loads(captured.out) == RECORD.to_dict()
    assert captured.err == "reading\n"


def test_the_live_view_shows_bar_table_and_loss() -> None:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=100, color_system=None)
    with training_view(console) as view:
        view.reading(5, 10)
        view.started(2, 100, None)
        for step in range(1, 120):
            view.step(1, step, step / 200, 3.0 / step, 50.0)
        for _ in range(15):
            view.epoch(RECORD)
        view.message("nearly there")
    shown = stream.getvalue()
    for part in ("epoch 1 of 2", "val. accuracy", "nearly there", "60 %", "left", "loss "):
        assert part in shown


def test_the_live_view_bears_reading_nothing() -> None:
    with LiveView(Console(file=io.StringIO(), force_terminal=True)) as view:
        view.reading(0, 0)
        view.started(None, 1, 60.0)
        view.step(1, 1, 0.0, 1.0, 1.0)
