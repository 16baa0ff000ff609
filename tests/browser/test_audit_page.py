"""An audit's page in a real browser, narrow and wide, light and dark."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from convwise.data.audit.findings import Audit, Duplicate, Located, NearDuplicate, Oddity
from convwise.data.dataset import SPLITS, Dataset, Decoded, Skipped
from convwise.data.store import PixelStore
from convwise.image import ImageFormat
from convwise.report.audit_page import audit_page

pytestmark = pytest.mark.browser

CLASSES = ("cat", "a class with a name that does not seem to end anywhere at all", "W" * 60)


def decoded_noise() -> Decoded:
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), 10)
    stores = {
        split: PixelStore(
            random.integers(0, 256, (30, 28, 28, 3), np.uint8),
            labels,
            tuple(f"{split}/{'x' * 80}/{number}.png" for number in range(30)),
        )
        for split in SPLITS
    }
    places = {split: np.arange(30) for split in SPLITS}
    form = ImageFormat(28, 28, 3)
    return Decoded(Dataset("noise", "noise", CLASSES, form, stores["train"], places), stores)


def findings(decoded: Decoded) -> Audit:
    def at(split: str, place: int) -> Located:
        return Located(decoded.stores[split].ids[place], split, CLASSES[place // 10])

    return Audit(
        "/data/" + "long" * 40,
        (28, 28, 3),
        {split: dict.fromkeys(CLASSES, 10) for split in SPLITS},
        skipped=(Skipped("y" * 200 + ".png", "the file is empty", damaged=True),),
        oddities=(Oddity("rotated", "turned upright", (at("train", 1), at("train", 11))),),
        duplicates=(
            Duplicate((at("train", 0), at("validation", 0), at("test", 0))),
            Duplicate((at("train", 5), at("train", 15), at("train", 25))),
            Duplicate((at("test", 8), at("test", 9))),
        ),
        near_duplicates=(NearDuplicate(at("train", 2), at("test", 22), 3.25),),
        warnings=("z" * 300,),
        carved=("validation",),
        moved=(at("train", 3),),
    )


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("audits")
    decoded = decoded_noise()
    found = findings(decoded)
    clean = Audit("noise", found.image_format, found.counts)
    written = {}
    for name, audit in {"dirty": found, "clean": clean}.items():
        written[name] = folder / f"{name}.html"
        written[name].write_text(audit_page(audit, decoded), encoding="utf-8")
    return written


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1280])
@pytest.mark.parametrize("name", ["dirty", "clean"])
def test_page_fits_its_window(visit, pages, name, width, scheme):
    page = visit(pages[name], width, scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("h1").is_visible()


def test_every_picture_is_drawn(visit, pages):
    page = visit(pages["dirty"])
    sizes = page.evaluate("[...document.images].map(image => image.naturalWidth)")
    # 3 + 3 + 2 of equal pictures, a pair, 2 oddities, 1 moved, and 8 of each of 3 classes.
    assert sizes == [28] * (8 + 2 + 2 + 1 + 24)


def test_steps_lead_to_their_sections(visit, pages):
    page = visit(pages["dirty"])
    for link in page.locator(".steps a").all():
        target = link.get_attribute("href")
        assert page.locator(f"section{target}").count() == 1


def test_equal_pictures_stand_side_by_side(visit, pages):
    page = visit(pages["dirty"])
    tops = page.evaluate(
        "[...document.querySelectorAll('#leaks img')].map(i => i.getBoundingClientRect().top)"
    )
    assert len(tops) == 3
    assert len(set(tops)) == 1
