"""An explanation's page in a real browser, narrow and wide, light and dark."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convwise.data.store import PixelStore
from convwise.design.plan import plan
from convwise.explain.explanation import explain
from convwise.explain.sources import LoadedSplit
from convwise.image import ImageFormat
from convwise.model.build import build
from convwise.model.trained import TrainedModel
from convwise.report.explain_page import explain_page

pytestmark = pytest.mark.browser

HOSTILE = '"><script>alert(1)</script>,\n.png'
NETWORKS = {
    "grey": ("conv 12 3 same norm relu | maxpool 2 | conv 20 3 relu | flatten | dense classes", 1),
    "colour": ("conv 8 5 2 same relu | global_avgpool | dense classes", 3),
    "dense": ("flatten | dense 8 relu | dense classes", 1),
}


def split(shape: tuple[int, int, int], count: int, seed: int) -> PixelStore:
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    pixels = random.integers(0, 120, (count, *shape), dtype=np.uint8)
    for picture, label in zip(pixels, labels, strict=True):
        picture[:, 6 * label : 6 * label + 5] += 120
    ids = tuple(f"{number:02}{HOSTILE}" for number in range(count))
    return PixelStore(pixels, labels, ids)


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("explained")
    written = {}
    for name, (text, channels) in NETWORKS.items():
        image_format = ImageFormat(18, 18, channels)
        network = build(plan(text, image_format, 3), seed=1).eval()
        classes = ("<b>left</b>", "middle, or so", "a" * 60)
        model = TrainedModel(network, image_format, classes, "a network")
        data = LoadedSplit(
            "data", "test", split(image_format.shape, 24, 0), split(image_format.shape, 30, 1)
        )
        written[name] = folder / f"{name}.html"
        page = explain_page(explain(model, data=data), "convwise explain model data")
        written[name].write_text(page, encoding="utf-8")
    return written


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280, 1600])
@pytest.mark.parametrize("name", NETWORKS)
def test_page_fits_its_window(visit, pages, name, width, scheme):
    page = visit(pages[name], width, scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("h1").is_visible()
    sizes = page.evaluate("[...document.images].map(image => image.naturalWidth)")
    assert len(sizes) > 20
    assert min(sizes) > 0


def read(download: Any) -> list[list[str]]:
    with Path(download.path()).open(encoding="utf-8", newline="") as stream:
        return list(csv.reader(io.StringIO(stream.read())))


def test_a_label_that_is_marked_wrong_stands_in_the_saved_table(visit, pages):
    page = visit(pages["grey"])
    assert not page.locator("[data-save]").is_visible()
    cards = page.locator("#mistakes .mark")
    card = cards.nth(0)
    card.locator("[data-wrong]").check()
    assert page.inner_text("[data-count]") == "1 label marked as wrong"
    card.locator("[data-correct]").fill('middle, or "so"')
    cards.nth(1).locator("[data-wrong]").check()
    with page.expect_download() as download:
        page.locator("[data-write]").click()
    assert download.value.suggested_filename == "fixes.csv"
    head, first, second = read(download.value)
    assert head == ["path", "label", "correct"]
    assert first == [
        card.get_attribute("data-path"),
        card.get_attribute("data-label"),
        'middle, or "so"',
    ]
    assert second[2] == cards.nth(1).locator("[data-correct]").input_value()
    card.locator("[data-wrong]").uncheck()
    cards.nth(1).locator("[data-wrong]").uncheck()
    assert not page.locator("[data-save]").is_visible()


def test_a_hostile_name_reaches_the_table_as_it_is(visit, pages):
    page = visit(pages["grey"])
    mark = page.locator(".mark").first
    mark.locator("[data-wrong]").check()
    with page.expect_download() as download:
        page.locator("[data-write]").click()
    path = read(download.value)[1][0]
    assert path == mark.get_attribute("data-path")
    assert path[2:] == HOSTILE


def test_one_image_in_both_galleries_is_marked_in_both(visit, pages):
    page = visit(pages["grey"])
    paths = page.evaluate("[...document.querySelectorAll('.mark')].map(m => m.dataset.path)")
    twice = next(path for path in paths if paths.count(path) == 2)
    first, second = (place for place, path in enumerate(paths) if path == twice)
    page.locator(".mark").nth(second).locator("[data-wrong]").check()
    assert page.locator(".mark").nth(first).locator("[data-wrong]").is_checked()
    assert page.inner_text("[data-count]") == "1 label marked as wrong"


def test_one_class_can_be_shown_alone(visit, pages):
    page = visit(pages["grey"])
    button = page.locator("[data-keys] button").nth(1)
    button.focus()
    page.keyboard.press("Enter")
    assert button.get_attribute("aria-pressed") == "true"
    opacity = "point => getComputedStyle(point).opacity"
    assert page.locator(".point[data-class='1']").first.evaluate(opacity) == "1"
    assert page.locator(".point[data-class='0']").first.evaluate(opacity) == "0.1"
    button.click()
    assert page.locator(".point[data-class='0']").first.evaluate(opacity) == "1"


def test_a_dense_network_says_what_does_not_apply(visit, pages):
    page = visit(pages["dense"])
    assert "do not apply" in page.inner_text("header")
    assert page.locator("#filters").count() == 0
    assert "Occlusion" in page.inner_text("#pictures")


def test_page_says_all_without_its_script(browser, pages):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(pages["grey"].as_uri())
    assert page.locator("#mistakes li").count() > 3
    assert not page.locator(".mark").first.is_visible()
    assert not page.locator("[data-keys]").is_visible()
    context.close()


def test_printed_page_leaves_out_what_is_clicked(visit, pages):
    page = visit(pages["grey"])
    page.emulate_media(media="print")
    assert not page.locator("nav").is_visible()
    assert not page.locator(".mark").first.is_visible()
