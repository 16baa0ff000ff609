"""What holds for each page that convwise writes, in a real browser."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from convwise.design.plan import plan
from convwise.report import pictures_wanted, write_report
from convwise.report.audit_page import audit_page
from convwise.report.class_maps import ClassMaps
from convwise.report.compare_page import compare_page
from convwise.report.comparison import compare
from convwise.report.design_page import design_page
from convwise.report.rate_page import rate_page
from convwise.report.study_page import study_page
from convwise.studies.registry import all_questions
from convwise.training.rate_range import RateRange

pytestmark = pytest.mark.browser

NAMES = (
    *("report", "report of an interrupted run", "report of many classes"),
    *("design", "broken design", "audit", "comparison", "study", "learning rates"),
)
REACHABLE = (
    "[...document.querySelectorAll('a[href], button, summary, input, [tabindex]')]"
    ".filter(e => e.tabIndex >= 0 && e.checkVisibility() && e.id !== 'main')"
)
MARKED = """
(() => {
  const on = document.activeElement, style = getComputedStyle(on);
  return style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
})()
"""


def report(made_up_run: ModuleType, folder: Path, **options: Any) -> str:
    made_up_run.make_run(folder, **options)
    random = np.random.default_rng(0)
    wanted = pictures_wanted(folder)
    pictures = {name: random.integers(0, 256, (28, 28, 1), np.uint8) for name in wanted}
    values = np.linspace(0, 1, 784, dtype=np.float32).reshape(28, 28)
    maps = {name: ClassMaps(values, values[::-1], "conv4") for name in wanted[:24]}
    return write_report(folder, pictures, maps).read_text(encoding="utf-8")


def rates() -> RateRange:
    powers = [10 ** (-5 + place / 10) for place in range(50)]
    losses = [2.3 - 1.5 / (1 + math.exp(3 - place / 6)) for place in range(50)]
    return RateRange(
        *("photos", "fast", "muon", tuple(powers), tuple(losses), tuple(losses)),
        suggested=0.02,
        lowest_at=0.1,
        diverged_at=None,
    )


@pytest.fixture(scope="session")
def pages(
    made_up_run: ModuleType,
    module_at: Callable[[str], ModuleType],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    audits, comparisons, studies = (
        module_at(path)
        for path in (
            "browser/test_audit_page.py",
            "unit/report/test_comparison.py",
            "unit/report/test_study_page.py",
        )
    )
    decoded = audits.decoded_noise()
    runs = [
        comparisons.make(folder / "weak", range(60)),
        comparisons.make(folder / "strong", range(50, 70), epochs=9),
    ]
    lost = {"status": "interrupted", "without": ["metrics.json", "predictions.csv"]}
    many = {"classes": [f"kind {number}" for number in range(26)], "images_per_class": 10}
    position = all_questions()["position"]
    texts = {
        "report": report(made_up_run, folder / "run"),
        "report of an interrupted run": report(made_up_run, folder / "lost", **lost),
        "report of many classes": report(made_up_run, folder / "many", **many),
        "design": design_page(plan("resnet20", "32x32x3", 10), 32),
        "broken design": design_page(plan("conv 8 3 | maxpool 2 | conv 8 19", "28x28x1", 10)),
        "audit": audit_page(audits.findings(decoded), decoded),
        "comparison": compare_page(compare(runs)),
        "study": study_page(studies.make_study(folder, position)),
        "learning rates": rate_page(rates(), "convwise train photos --lr 0.02"),
    }
    written = {}
    for name, text in texts.items():
        written[name] = folder / f"{name}.html"
        written[name].write_text(text, encoding="utf-8")
    assert tuple(written) == NAMES
    return written


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("name", NAMES)
def test_axe_finds_no_serious_fault_and_the_page_fits(visit, faults, pages, name, width, scheme):
    page = visit(pages[name], width, scheme)
    assert faults(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_axe_would_find_a_fault(visit, faults, pages):
    page = visit(pages["learning rates"])
    page.evaluate("document.querySelector('main').append(document.createElement('button'))")
    (found,) = faults(page)
    assert found.startswith("critical: button-name")


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1280, "dark")])
@pytest.mark.parametrize("name", NAMES)
def test_the_page_fits_and_headings_and_landmarks_are_in_order(visit, pages, name, width, scheme):
    page = visit(pages[name], width, scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    levels = page.evaluate(
        "[...document.querySelectorAll('h1, h2, h3, h4')].map(h => Number(h.tagName[1]))"
    )
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    assert page.locator("header").count() == page.locator("main").count() == 1
    assert page.evaluate("[...document.images].every(image => image.alt && image.naturalWidth)")


@pytest.mark.parametrize("name", NAMES)
def test_tab_reaches_all_that_can_be_used_and_shows_where_it_is(visit, pages, name):
    page = visit(pages[name])
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    wanted = page.evaluate(f"{REACHABLE}.length")
    page.evaluate(f"{REACHABLE}.forEach((e, place) => {{ e.dataset.place = place; }})")
    reached = set()
    for _ in range(wanted):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.dataset.place"))
        assert page.evaluate(MARKED), page.evaluate(
            "document.activeElement.outerHTML.slice(0, 200)"
        )
    assert len(reached - {None}) == wanted


@pytest.mark.parametrize("name", NAMES)
def test_print_is_dark_on_white_and_cuts_nothing_off(visit, pages, name):
    page = visit(pages[name], 760, "dark")
    page.emulate_media(media="print", color_scheme="light")
    ground = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(ground) == "rgb(255, 255, 255)"
    assert page.locator("main").is_visible()
    assert not any(one.is_visible() for one in page.locator("nav").all())
    cut = (
        "[...document.querySelectorAll('.scroll')].filter(e => e.scrollHeight > e.clientHeight + 2)"
    )
    assert page.evaluate(f"{cut}.map(e => e.outerHTML.slice(0, 120))") == []
