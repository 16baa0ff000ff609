"""The lab in a real browser: narrow and wide, light and dark, by mouse and by keyboard."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from PIL import Image

from convwise.geometry import output_size, same_padding
from convwise.lab.places import Places
from made_up_study import make_study
from served_lab import ServedLab, served

pytestmark = pytest.mark.browser

AXE = Path(__file__).with_name("vendored") / "axe.min.js"
PAGES = ("design", "design#bench", "compare", "study")
BROKEN = "conv 8 3 relu\nmaxpool 4\nconv 16 7 relu\nflatten\ndense classes"


@pytest.fixture(scope="module")
def lab(made_up_run: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedLab]:
    folder = tmp_path_factory.mktemp("lab")
    for place, name in enumerate(("better", "worse", "<img src=x onerror=alert(1)>")):
        made_up_run.make_run(folder / "runs" / name, seed=place, mistakes=0.05 + place * 0.2)
    made_up_run.make_run(
        folder / "runs" / "at work",
        status="running",
        result=None,
        without=("metrics.json", "predictions.csv"),
    )
    make_study(folder / "studies" / "photos")
    with served(Places(folder / "runs", (), folder / "studies")) as running:
        yield running


def ready(page: Any, name: str) -> None:
    """Wait until what the lab was asked for stands on the page."""
    waited = {
        "design": "#result .design-maps",
        "design#bench": "#bench-sum .tables",
        "compare": "#run-table tbody tr",
        "study": "#result .verdicts",
    }
    page.wait_for_selector(waited[name])


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_its_window_and_can_be_used_by_everyone(open_page, name, width, scheme):
    page = open_page(name, width, scheme)
    ready(page, name)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run()")["violations"]
    grave = [each for each in found if each["impact"] in ("serious", "critical")]
    assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in grave] == []


def test_typing_a_design_shows_its_error_and_a_button_mends_it(open_page):
    page = open_page("design")
    ready(page, "design")
    page.fill("#text", BROKEN)
    page.wait_for_selector("#advice .problem")
    assert "a 7×7 window does not fit a 6×6 map" in page.inner_text("#advice")
    assert "conv2" in page.text_content("#result .missing-name")
    page.get_by_role("button", name='give conv2 padding="same"').click()
    page.wait_for_selector("#advice .sound")
    assert "conv 16 7 same relu" in page.input_value("#text")
    # The browser's own undo takes the fix back.
    page.focus("#text")
    page.keyboard.press("Control+z")
    page.wait_for_selector("#advice .problem")
    assert page.input_value("#text") == BROKEN


def test_text_that_is_no_network_is_told_with_its_place(open_page):
    page = open_page("design")
    ready(page, "design")
    page.fill("#text", "conv 8 3 relu\nmaxpol 2\nflatten\ndense classes")
    page.wait_for_selector("#advice .problem")
    assert "Line 2, column 1" in page.inner_text("#advice")
    assert page.get_attribute("#text", "aria-invalid") == "true"
    # What could be drawn last still stands there, set back.
    assert page.locator("#result.stale .design-maps").is_visible()


def test_a_network_of_the_zoo_and_the_editor_outlive_the_page(open_page):
    page = open_page("design")
    ready(page, "design")
    page.select_option("#zoo", "lenet")
    page.wait_for_selector("text=61,706")
    page.fill("#classes", "7")
    page.wait_for_function(
        "() => document.querySelector('#result').innerText.includes('7 classes')"
    )
    page.reload()
    ready(page, "design")
    assert page.input_value("#classes") == "7"
    assert page.input_value("#text").startswith("conv 6 5")


def test_a_design_becomes_source_code(open_page):
    page = open_page("design")
    ready(page, "design")
    page.click("text=PyTorch source")
    page.wait_for_selector("#source[open]")
    assert "import torch" in page.inner_text("#source-text")
    with page.expect_download() as saved:
        page.click("#source-save")
    assert "import torch" in Path(saved.value.path()).read_text()
    page.keyboard.press("Escape")
    page.wait_for_selector("#source", state="hidden")


def test_choosing_a_row_shows_what_it_sees(open_page):
    page = open_page("design")
    ready(page, "design")
    page.locator("[data-layers] tbody th", has_text="conv1").click()
    assert page.inner_text("#field-words").startswith("conv1:")


def slide(page: Any, name: str, value: int) -> None:
    page.fill(f"#bench-{name}", str(value))


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_the_sliders_show_the_numbers_of_geometry(open_page, padding):
    page = open_page("design#bench")
    ready(page, "design#bench")
    page.check(f"input[name=bench-padding][value={padding}]")
    page.check("input[name=bench-pool][value=max]")
    for stride, dilation, region in [(1, 1, 2), (2, 1, 3), (3, 2, 2), (5, 4, 4)]:
        slide(page, "stride", stride)
        slide(page, "dilation", dilation)
        slide(page, "region", region)
        outputs = output_size(28, 3, stride, padding, dilation)
        pooled = output_size(outputs, region, region)
        before, after = same_padding(28, 3, stride, dilation) if padding == "same" else (0, 0)
        length = f"28 + {before} + {after}" if before or after else "28"
        # The maps follow each slider; those of the last one are wanted.
        page.wait_for_function(
            "([map, pool, sum]) => document.getElementById('bench-map-words').textContent === map"
            " && document.getElementById('bench-pool-words').textContent === pool"
            " && document.getElementById('bench-arithmetic').textContent.includes(sum)",
            arg=[
                f"{outputs}×{outputs}",
                f"{pooled}×{pooled}",
                f"⌊({length} − {2 * dilation + 1}) ÷ {stride}⌋ + 1 = {outputs}.",
            ],
        )
        assert page.get_attribute("#bench-place", "max") == str(outputs**2)


def test_the_value_of_a_place_is_the_sum_of_the_products_shown(open_page):
    page = open_page("design#bench")
    ready(page, "design#bench")
    slide(page, "place", 14 * 28 + 12)
    assert "Row 15, column 12 of the map" in page.inner_text("#bench-sum")
    tables = page.eval_on_selector_all(
        "#bench-sum table",
        "tables => tables.map(t => [...t.querySelectorAll('td')].map(c => c.textContent))",
    )
    seen, kernel, products = ([number(text) for text in table] for table in tables)
    for one, weight, product in zip(seen, kernel, products, strict=True):
        assert product == pytest.approx(one * weight, abs=0.011)
    assert number(page.inner_text("#bench-value")) == pytest.approx(sum(products), abs=0.05)


def number(text: str) -> float:
    return 0.0 if text == "·" else float(text.replace("−", "-"))


def test_hovering_over_the_maps_tells_their_numbers(open_page):
    page = open_page("design#bench")
    ready(page, "design#bench")
    page.check("input[name=bench-pool][value=average]")
    page.wait_for_selector("#bench-pool", state="visible")
    page.hover("#bench-map", position={"x": 2, "y": 2})
    assert "Row 1, column 1 of the map" in page.inner_text("#bench-sum")
    page.hover("#bench-pool", position={"x": 2, "y": 2})
    assert "Row 1, column 1 of the pooled map" in page.inner_text("#bench-sum")
    page.hover("#bench-image", position={"x": 2, "y": 2})
    assert "A zero of the padding" in page.inner_text("#bench-sum")


def test_a_corner_pixel_takes_part_in_fewer_windows(open_page):
    page = open_page("design#bench")
    ready(page, "design#bench")
    for padding, windows in (("valid", 1), ("same", 4)):
        page.check(f"input[name=bench-padding][value={padding}]")
        size = "26×26" if padding == "valid" else "28×28"
        page.wait_for_function(
            "size => document.getElementById('bench-map-words').textContent === size", arg=size
        )
        box = page.locator("#bench-image").bounding_box()
        cells = 28 if padding == "valid" else 30
        cell = box["width"] / cells
        corner = cell * (0.5 if padding == "valid" else 1.5)
        page.hover("#bench-image", position={"x": corner, "y": corner})
        assert f"takes part in {windows} window" in page.inner_text("#bench-sum")


def test_the_window_slides_and_the_map_fills(open_page):
    page = open_page("design#bench")
    ready(page, "design#bench")
    page.select_option("#bench-pace", "4")
    page.click("#bench-play")
    page.wait_for_function("() => Number(document.getElementById('bench-place').value) < 700")
    page.select_option("#bench-pace", "300")
    page.wait_for_function("() => document.getElementById('bench-place').value === '784'")
    assert page.inner_text("#bench-play") == "Slide the window"


def test_a_frame_that_began_before_the_click_moves_the_window_nowhere(open_page):
    page = open_page("design#bench")
    ready(page, "design#bench")
    page.evaluate(
        """() => {
          const later = requestAnimationFrame.bind(window);
          window.places = [];
          window.requestAnimationFrame = (work) => later((now) => {
            work(now - 5000);
            window.places.push(document.getElementById("bench-place").value);
          });
        }"""
    )
    page.select_option("#bench-pace", "4")
    page.click("#bench-play")
    page.wait_for_function("() => window.places.length >= 3")
    assert page.evaluate("() => window.places[0]") == "1"
    page.click("#bench-play")


def test_own_numbers_and_an_own_image_are_used(open_page, tmp_path):
    page = open_page("design#bench")
    ready(page, "design#bench")
    Image.new("L", (40, 20), 255).save(tmp_path / "white.png")
    page.set_input_files("#bench-file", tmp_path / "white.png")
    page.wait_for_function(
        "() => document.getElementById('bench-image-words').textContent.startsWith('14×28')"
    )
    for field in page.locator("#bench-values input").all():
        field.fill("0")
    page.locator("#bench-values input").nth(4).fill("2,5")
    slide(page, "place", 40)
    page.wait_for_function("() => document.getElementById('bench-value').textContent === '2.50'")
    assert page.input_value("#bench-kernel") == ""


def test_a_file_that_is_no_picture_is_told_at_the_top(open_page, tmp_path):
    page = open_page("design#bench", refusals=True)
    ready(page, "design#bench")
    (tmp_path / "a.png").write_text("no picture")
    with page.expect_response(re.compile("bench/picture")) as told:
        page.set_input_files("#bench-file", tmp_path / "a.png")
    assert told.value.status == 400
    page.wait_for_selector("#trouble:not([hidden])")


def test_a_window_that_does_not_fit_is_told_beside_the_maps(open_page):
    page = open_page("design#bench")
    ready(page, "design#bench")
    page.select_option("#bench-kernel", "gabor, 45°")
    page.check("input[name=bench-padding][value=valid]")
    slide(page, "side", 6)
    page.wait_for_selector("#bench-problem:not([hidden])")
    assert "a 7×7 window does not fit a 6×6 map" in page.inner_text("#bench-problem")


def test_two_runs_are_chosen_and_compared(open_page):
    page = open_page("compare")
    ready(page, "compare")
    page.check("[aria-label='Choose better']")
    page.check("[aria-label='Choose worse']")
    page.click("text=Compare 2 runs")
    page.wait_for_selector("#result .said")
    assert "B is worse than A" in page.inner_text("#result")
    assert page.locator("#result .chart").count() == 3


def test_a_run_at_work_shows_its_curves(open_page):
    page = open_page("compare", 390)
    ready(page, "compare")
    page.fill("#words", "running")
    page.wait_for_function("() => document.querySelectorAll('#run-table tbody tr').length === 1")
    page.check("[aria-label='Choose at work']")
    page.click("text=Show its curves")
    page.wait_for_selector("#result .chart")


def test_names_that_are_markup_stay_names(open_page):
    page = open_page("compare")
    ready(page, "compare")
    assert page.locator("#run-table th bdi", has_text="<img src=x onerror=alert(1)>").is_visible()
    assert page.locator("#main img").count() == 0


def test_a_study_is_shown_with_its_verdicts(open_page):
    page = open_page("study")
    ready(page, "study")
    assert page.locator("#result .word").first.inner_text() == "better"
    assert page.locator("#result .chart").count() >= 2


def test_pages_are_reached_by_keyboard(open_page):
    page = open_page("design")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Train"


def test_a_page_that_was_left_open_says_that_the_lab_was_started_anew(open_page):
    page = open_page("compare", refusals=True)
    ready(page, "compare")
    page.context.clear_cookies()
    page.click("#refresh")
    page.wait_for_selector("#trouble:not([hidden])")
    assert "open the address that it printed" in page.inner_text("#trouble")
