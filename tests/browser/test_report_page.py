"""The report in a real browser, narrow and wide, light and dark."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from convwise.report import pictures_wanted, write_report
from convwise.report.cell_images import by_cell
from convwise.report.run_folder import read_predictions

pytestmark = pytest.mark.browser

RUNS: dict[str, dict[str, Any]] = {
    "ten classes": {},
    "two classes": {"classes": ("cat", "dog"), "epochs": 1},
    "many classes": {"classes": [f"kind {n}" for n in range(100)], "images_per_class": 10},
    "hostile names": {"classes": ("<script>alert(1)</script>", "a" * 90, "b"), "mistakes": 0.4},
    "interrupted": {"status": "interrupted", "without": ["metrics.json", "predictions.csv"]},
}


@pytest.fixture(scope="session")
def folders(made_up_run: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {
        name: made_up_run.make_run(tmp_path_factory.mktemp("run"), **options)
        for name, options in RUNS.items()
    }


@pytest.fixture(scope="session")
def pages(folders: dict[str, Path]) -> dict[str, Path]:
    written = {}
    for name, folder in folders.items():
        pixels = np.arange(784, dtype=np.uint8).reshape(28, 28, 1)
        pictures = dict.fromkeys(pictures_wanted(folder), pixels)
        written[name] = write_report(folder, pictures)
    return written


def made_up_names(folder: Path) -> list[str]:
    return list(json.loads((folder / "run.json").read_text())["data"]["classes"])


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280, 1600])
@pytest.mark.parametrize("name", RUNS)
def test_page_fits_its_window(visit, pages, name, width, scheme):
    page = visit(pages[name], width, scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("h1").is_visible()


def test_dark_page_is_dark(visit, pages):
    ground = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)[0]"
    assert visit(pages["ten classes"], scheme="dark").evaluate(ground) < 40
    assert visit(pages["ten classes"], scheme="light").evaluate(ground) > 240


@pytest.mark.parametrize("width", [390, 1280])
def test_clicking_a_cell_tells_it_in_words(visit, pages, width):
    page = visit(pages["ten classes"], width)
    cell = page.locator("[data-confusion] tbody tr").nth(2).locator("td").nth(2)
    cell.click()
    words = page.locator("#confusion-words").inner_text()
    assert words.startswith(f"{cell.inner_text()} of 100 images of Pullover")
    assert "were recognised" in words


def test_arrow_keys_move_over_the_cells(visit, pages):
    page = visit(pages["ten classes"])
    page.locator("[data-confusion] td[tabindex='0']").focus()
    for key in ("Home", *["ArrowUp"] * 10):
        page.keyboard.press(key)
    assert "of T-shirt/top" in page.locator("#confusion-words").inner_text()
    assert "recognised" in page.locator("#confusion-words").inner_text()
    page.keyboard.press("ArrowRight")
    assert "taken for Trouser" in page.locator("#confusion-words").inner_text()
    page.keyboard.press("End")
    page.keyboard.press("ArrowDown")
    words = page.locator("#confusion-words").inner_text()
    assert "of Trouser" in words
    assert "taken for Ankle boot" in words
    assert page.locator("[data-confusion] td[tabindex='0']").count() == 1
    assert page.evaluate("document.activeElement.getAttribute('aria-selected')") == "true"


def test_matrix_is_one_stop_for_the_tab_key(visit, pages):
    page = visit(pages["ten classes"])
    page.locator("[data-confusion] td[tabindex='0']").focus()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('[data-confusion]')") is None


def test_empty_cell_of_a_large_matrix_has_words(visit, pages):
    page = visit(pages["many classes"])
    page.locator("[data-confusion] tbody td:not([title])").first.click()
    assert page.locator("#confusion-words").inner_text().startswith("No image of kind ")


def test_hostile_name_is_read_as_text(visit, pages):
    page = visit(pages["hostile names"])
    page.locator("[data-confusion] tbody td").first.click()
    assert "<script>alert(1)</script>" in page.locator("#confusion-words").inner_text()


def test_pictures_of_mistakes_are_shown(visit, pages):
    page = visit(pages["ten classes"])
    sizes = page.evaluate(
        "[...document.querySelectorAll('.gallery img')].map(image => image.naturalWidth)"
    )
    assert sizes == [28] * 24


def shown_images(page: Any) -> list[str]:
    """The names of the images below the matrix, once each is decoded; one that can't be fails."""
    return page.evaluate(
        "Promise.all([...document.querySelectorAll('#confusion-images img')]"
        ".map(image => image.decode().then(() => image.title)))"
    )


@pytest.mark.parametrize("width", [390, 1280])
def test_a_click_on_a_cell_shows_its_images(visit, pages, folders, width):
    page = visit(pages["ten classes"], width)
    predictions = read_predictions(folders["ten classes"] / "predictions.csv")
    mistaken = by_cell(predictions, made_up_names(folders["ten classes"]))
    row, column = max(
        (place for place in mistaken if place[0] != place[1]), key=lambda at: len(mistaken[at])
    )
    page.locator("[data-confusion] tbody tr").nth(row).locator("td").nth(column).click()
    assert shown_images(page) == [one.id for one in mistaken[row, column]][:24]
    page.locator("[data-confusion] tbody tr").nth(row).locator("td").nth(row).click()
    assert shown_images(page) == [one.id for one in mistaken[row, row]][:12]
    assert "least sure" in page.inner_text("#confusion-lead")


def test_arrow_keys_show_the_images_of_the_cell_they_reach(visit, pages, folders):
    page = visit(pages["ten classes"])
    predictions = read_predictions(folders["ten classes"] / "predictions.csv")
    mistaken = by_cell(predictions, made_up_names(folders["ten classes"]))
    page.locator("[data-confusion] td[tabindex='0']").focus()
    for key in ("Home", *["ArrowUp"] * 10):
        page.keyboard.press(key)
    assert shown_images(page) == [one.id for one in mistaken[0, 0]][:12]
    for column in range(1, 10):
        page.keyboard.press("ArrowRight")
        assert shown_images(page) == [one.id for one in mistaken.get((0, column), [])][:24]


def test_a_frequent_mistake_in_the_list_opens_its_cell(visit, pages):
    page = visit(pages["ten classes"])
    button = page.locator("[data-cell]").nth(1)
    row, column = map(int, button.get_attribute("data-cell").split(","))
    button.focus()
    page.keyboard.press("Enter")
    cell = page.locator("[data-confusion] tbody tr").nth(row).locator("td").nth(column)
    assert cell.get_attribute("aria-selected") == "true"
    assert shown_images(page)


def test_layers_of_the_run_show_what_they_see(visit, pages):
    page = visit(pages["ten classes"])
    page.locator("[data-layers] tbody th", has_text="conv1").first.click()
    assert "conv1: the place in the middle sees 3×3 pixels" in page.inner_text("#field-words")


def test_page_says_all_without_its_script(browser, pages):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(pages["ten classes"].as_uri())
    assert "taken for" in page.locator("#confusion-words").inner_text()
    context.close()


def test_printed_page_leaves_the_navigation_out(visit, pages):
    page = visit(pages["ten classes"])
    page.emulate_media(media="print")
    assert not page.locator("nav").is_visible()
    assert page.locator("main").is_visible()
