"""A design's page in a real browser, narrow and wide, light and dark."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from convwise.design.plan import plan
from convwise.report.design_page import design_page

pytestmark = pytest.mark.browser

DESIGNS = {
    "small": ("keras-convnet", "28x28x1", 10),
    "deep": ("resnet152", "224x224x3", 1000),
    "many maps": ("vgg16", "224x224x3", 1000),
    "wide image": ("conv 8 3 relu | conv 8 3x5 | flatten | dense classes", "32x128x3", 4),
    "long line": (
        "conv 8 3 2 same relu use_bias=false dilation_rate=1 | " * 2 + "flatten | dense classes",
        "28x28x1",
        10,
    ),
    "broken": (
        "conv 8 3 | maxpool 2 | maxpool 2 | conv 8 9 | flatten | dense classes",
        "28x28x1",
        10,
    ),
}


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("designs")
    written = {}
    for name, (network, image, classes) in DESIGNS.items():
        written[name] = folder / f"{name}.html"
        written[name].write_text(design_page(plan(network, image, classes), 32), encoding="utf-8")
    return written


def field(page: Any) -> list[float]:
    box = page.locator(".design-field .seen")
    return [float(box.get_attribute(name)) for name in ("x", "y", "width", "height")]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280, 1600])
@pytest.mark.parametrize("name", DESIGNS)
def test_page_fits_its_window(visit, pages, name, width, scheme):
    page = visit(pages[name], width, scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("h1").is_visible()


@pytest.mark.parametrize("width", [390, 1280])
def test_choosing_a_row_shows_what_it_sees(visit, pages, width):
    page = visit(pages["small"], width)
    assert field(page) == [8, 8, 10, 10]
    page.locator("[data-layers] tbody th", has_text="conv1").click()
    assert field(page) == [13, 13, 3, 3]
    assert "conv1: the place in the middle sees 3×3 pixels" in page.inner_text("#field-words")
    assert page.locator("[data-layers] [aria-selected=true]").count() == 1


def test_arrow_keys_move_over_the_rows(visit, pages):
    page = visit(pages["small"])
    page.locator("[data-layers] tr[tabindex='0']").focus()
    page.keyboard.press("Home")
    assert field(page)[2:] == [3, 3]
    page.keyboard.press("ArrowDown")
    assert field(page)[2:] == [4, 4]
    page.keyboard.press("End")
    assert field(page) == [0, 0, 28, 28]
    page.keyboard.press("ArrowDown")
    assert page.inner_text("#field-words").startswith("dense1:")
    assert page.evaluate("document.activeElement.getAttribute('aria-selected')") == "true"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('[data-layers]')") is None


def test_a_field_larger_than_the_picture_runs_along_its_edge(visit, pages):
    page = visit(pages["deep"])
    frame = page.locator(".design-field svg").get_attribute("viewBox").split()
    assert field(page) == pytest.approx([float(side) for side in frame], abs=0.01)


def test_folded_layers_open_by_keyboard_and_close_again(visit, pages):
    page = visit(pages["deep"])
    hidden = page.locator("tbody.folded tr").first
    assert not hidden.is_visible()
    page.locator(".fold input").first.focus()
    page.keyboard.press("Space")
    assert hidden.is_visible()
    hidden.click()
    page.locator(".fold input").first.uncheck()
    chosen = page.locator("[data-layers] tr[tabindex='0']")
    assert chosen.is_visible()
    assert chosen.locator("th").inner_text() == "add2"


def test_page_says_all_without_its_script(browser, pages):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(pages["small"].as_uri())
    assert field(page) == [8, 8, 10, 10]
    assert page.inner_text("#field-words").startswith("pool2: the place in the middle sees 10×10")
    page.goto(pages["deep"].as_uri())
    page.locator(".fold input").first.check()
    assert page.locator("tbody.folded tr").first.is_visible()
    context.close()


def test_labels_of_the_maps_do_not_overlap(visit, pages):
    page = visit(pages["many maps"])
    boxes = page.evaluate(
        "[...document.querySelectorAll('.design-maps .axis')].map(t => t.getBoundingClientRect())"
        ".map(b => [b.left, b.right])"
    )
    assert len(boxes) > 10
    assert all(left[1] < right[0] for left, right in itertools.pairwise(boxes))


def test_printed_page_is_black_on_white_and_has_no_navigation(visit, pages):
    page = visit(pages["small"], scheme="dark")
    page.emulate_media(media="print")
    assert not page.locator("nav").is_visible()
    ground = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(ground) == "rgb(255, 255, 255)"
