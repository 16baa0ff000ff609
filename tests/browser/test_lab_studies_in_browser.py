"""A study that is started, followed and stopped from the lab's page."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from served_lab import ServedLab, lab_that_trains

pytestmark = pytest.mark.browser

# The study is to be seen at work for as long as one looks on.
SETTINGS = {"seeds": 300, "epochs": 1, "images": 60, "processes": 1, "threads": 1}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lab")


@pytest.fixture(scope="module")
def lab(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedLab]:
    with lab_that_trains(folder, tmp_path_factory.mktemp("cache")) as running:
        yield running


def wait_for_words(page: Any, selector: str, words: str) -> None:
    page.wait_for_function(
        "([selector, words]) => document.querySelector(selector).innerText.includes(words)",
        arg=[selector, words],
        timeout=120_000,
    )


def how_far(page: Any, before: str = "") -> str:
    """Wait until the page tells how far the study is, and another thing than before."""
    found = page.wait_for_function(
        "before => { const notice = document.querySelector('#result .notice');"
        " return notice && notice.innerText !== before && notice.innerText; }",
        arg=before,
        timeout=120_000,
    )
    return str(found.json_value())


def test_a_study_is_started_its_verdicts_firm_up_and_it_is_stopped(
    open_page: Callable[..., Any], folder: Path
) -> None:
    page = open_page("study")
    page.wait_for_selector("#ask[open]")
    page.uncheck("[name=questions][value=dense-or-conv]")
    wait_for_words(page, "#problem", "name at least one of")
    assert page.is_disabled("#start")
    page.check("[name=questions][value=pooling]")
    page.select_option("[name=data]", "fashion-mini")
    for name, value in SETTINGS.items():
        page.fill(f"[name={name}]", str(value))
    for name, value in SETTINGS.items():
        wait_for_words(page, "#command", f"--{name} {value}")
    shown = page.inner_text("#command")
    page.click("#start:enabled")

    page.wait_for_selector("#stop:visible")
    before = how_far(page)
    assert before.startswith("So far")
    assert how_far(page, before).startswith("So far")
    page.wait_for_selector("#result .verdicts", timeout=120_000)
    facts = json.loads((folder / "studies" / "fashion-mini-1" / "study.json").read_text())
    assert facts["command"] == shown

    # The page Train has the same queue, and is one link away.
    other = open_page("train")
    wait_for_words(other, "#queue", shown)
    other.click("#queue >> text=Watch")
    other.wait_for_selector("#result .verdicts", timeout=120_000)

    page.click("#stop:enabled")
    wait_for_words(page, "#state", "stopped; what is done is kept")
    page.wait_for_selector("#stop", state="hidden")
    cells = folder / "studies" / "fashion-mini-1" / "cells"
    kept = {path.name: path.stat().st_mtime_ns for path in cells.iterdir()}
    assert kept

    page.click("#go-on:enabled")
    page.wait_for_selector("#stop:visible")
    assert page.is_hidden("#go-on")
    page.wait_for_function(
        "found => document.querySelector('#result .notice').innerText.includes('So far')"
        " && Number(document.querySelector('#result .notice').innerText.match(/\\d+/)[0]) > found",
        arg=len(kept),
        timeout=120_000,
    )
    page.click("#stop:enabled")
    wait_for_words(page, "#state", "stopped; what is done is kept")
    now = {path.name: path.stat().st_mtime_ns for path in cells.iterdir()}
    assert {name: now[name] for name in kept} == kept


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_the_form_fits_its_window_and_can_be_used_by_everyone(
    open_page: Callable[..., Any], faults: Callable[..., list[str]], width: int, scheme: str
) -> None:
    page = open_page("study", width, scheme)
    page.evaluate("document.querySelector('#ask').open = true")
    wait_for_words(page, "#command", "convwise study")
    assert faults(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
