"""What ``export --to web`` writes, in Chromium: Python's answers, and nothing leaves the page."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms, PngImagePlugin

from convwise.data.decode import decode_image, read_header
from convwise.data.render import scaled_size
from convwise.design.plan import plan
from convwise.errors import OptionError
from convwise.evaluation.predict import predict_probabilities
from convwise.evaluation.shift import shift_images
from convwise.image import ImageFormat
from convwise.model.build import build
from convwise.model.trained import TrainedModel
from convwise.ship.probe import write_probes
from convwise.ship.web.engine import find_engine
from convwise.ship.web.folder import Web
from web_page import Demo, served

pytestmark = pytest.mark.browser

NETWORK = "conv 8 3 same norm relu | maxpool 2 | conv 8 3 same relu | flatten | dense classes"
FORMATS = {
    "pad": ImageFormat(14, 12, 3, "pad", (0.4, 0.5, 0.3), (0.1, 0.12, 0.1), 30, 200),
    "crop": ImageFormat(16, 20, 1, "crop", (0.5,), (0.1,), pad_value=0),
    "stretch": ImageFormat(10, 16, 3, "stretch", (0.4, 0.4, 0.4), (0.1, 0.1, 0.1)),
}
CLASSES = ("ant", "bee", "<b>crab</b>")
# In probabilities. A JPEG of twice the wanted size or more is decoded at a half by Python alone.
TOLERANCE, REDUCED = 1e-5, 0.03


def made_up(image_format: ImageFormat) -> TrainedModel:
    network = build(plan(NETWORK, image_format, len(CLASSES)), seed=5)
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if name.endswith(("mean", "beta", "bias")):
                value.copy_(torch.linspace(-0.3, 0.4, value.numel()))
    measured = {"data": "beetles", "test_accuracy": 0.912, "test_images": 1234}
    return TrainedModel(
        network.eval(), image_format, CLASSES, "beetles-fast-1", temperature=3.0, measured=measured
    )


@pytest.fixture(scope="session")
def models() -> dict[str, TrainedModel]:
    return {name: made_up(image_format) for name, image_format in FORMATS.items()}


@pytest.fixture(scope="session")
def address(
    models: dict[str, TrainedModel], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Serve a folder with each model's page in it."""
    try:
        find_engine()
    except OptionError as error:
        pytest.skip(str(error))
    root = tmp_path_factory.mktemp("sites")
    for name, model in models.items():
        Web().write(model, root / name)
    with served(root) as where:
        yield where


@pytest.fixture
def demo(browser: Any, address: str) -> Iterator[Callable[..., Demo]]:
    opened: list[Demo] = []

    def go(name: str, width: int = 1280, scheme: str = "light") -> Demo:
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        opened.append(Demo(page, f"{address}/{name}/"))
        return opened[-1]

    yield go
    for each in opened:
        each.page.close()
        assert each.said == []
        assert all(url.startswith((address, "data:", "blob:")) for url in each.requests)


def expected(model: TrainedModel, pixels: Any) -> Any:
    return predict_probabilities(model, pixels[None])[0]


def distance(found: dict[str, float], wanted: Any) -> float:
    assert set(found) == set(CLASSES)
    return max(abs(found[name] - value) for name, value in zip(CLASSES, wanted, strict=True))


def is_reduced(file: Path, image_format: ImageFormat) -> bool:
    header = read_header(file)
    width, height = scaled_size((header.width, header.height), image_format)
    return file.suffix == ".jpg" and min(header.width // width, header.height // height) >= 2


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A picture of the size that ``crop`` takes: nothing is resized, so it can be followed."""
    levels = np.zeros((16, 20), np.uint8)
    levels[5:11, 7:12] = 90 + np.arange(30, dtype=np.uint8).reshape(6, 5) * 5
    Image.fromarray(levels).save(tmp_path / "square.png")
    return tmp_path / "square.png"


@pytest.mark.parametrize("rule", FORMATS)
def test_a_file_of_any_kind_gets_pythons_answer(demo, models, tmp_path, rule):
    model, page = models[rule], demo(rule)
    seen = []
    for file in write_probes(tmp_path, model.image_format):
        if file.suffix == ".tiff":  # which Chromium does not decode
            continue
        wanted = expected(model, decode_image(file, model.image_format))
        allowed = REDUCED if is_reduced(file, model.image_format) else TOLERANCE
        assert distance(page.ask(file), wanted) <= allowed, file.name
        seen.append(wanted)
    assert len(seen) == 48
    assert np.ptp(seen, axis=0).max() > 0.1, "answers that are all alike would hide differences"


def test_colours_are_taken_as_they_are_stored(demo, models, tmp_path):
    """A profile and a gamma would change what a browser shows; Python looks past them."""
    model = models["pad"]
    colours = np.random.default_rng(3).integers(0, 256, (14, 12, 3), dtype=np.uint8)
    wide = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    gamma = PngImagePlugin.PngInfo()
    gamma.add(b"gAMA", (100_000).to_bytes(4, "big"))
    page = demo("pad")
    for name, options in {
        "profile.png": {"icc_profile": srgb},
        "other.png": {"icc_profile": wide},
        "gamma.png": {"pnginfo": gamma},
    }.items():
        Image.fromarray(colours).save(tmp_path / name, **options)
        assert distance(page.ask(tmp_path / name), expected(model, colours)) < 1e-5, name


def test_nothing_is_asked_of_the_network_once_the_page_is_ready(demo, picture):
    page = demo("crop")
    loaded = len(page.requests)
    page.ask(picture)
    page.page.locator("#ask-all").click()
    page.page.locator("#map rect").first.wait_for()
    assert len(page.requests) == loaded
    refused = page.page.evaluate(
        "fetch('model.json', {method: 'POST', body: 'a picture'}).then(() => 'sent', String)"
    )
    assert "TypeError" in refused
    assert page.page.evaluate(
        "new Promise(done => { const image = new Image();"
        " image.onload = () => done(false); image.onerror = () => done(true);"
        " image.src = '/picture.png'; })"
    )
    # The browser tells of what it refused.
    assert all("Content Security Policy" in each for each in page.said)
    page.said.clear()


def test_the_answer_follows_the_arrow_keys(demo, models, picture):
    model, page = models["crop"], demo("crop")
    page.ask(picture)
    stage = page.page.locator("#stage")
    stage.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowUp", "Shift+ArrowRight"):
        stage.press(key)
    pixels = decode_image(picture, model.image_format)
    moved = shift_images(pixels[None], -1, 7, model.image_format.pad_value)[0]
    assert distance(page.probabilities(), expected(model, moved)) < 1e-5
    assert page.page.locator("#place").inner_text() == "Moved by 7 px right and 1 px up."
    page.page.locator("#back").click()
    assert distance(page.probabilities(), expected(model, pixels)) < 1e-5
    assert page.page.locator("#back").is_disabled()


def test_the_picture_is_dragged_by_the_pointer(demo, models, picture):
    model, page = models["crop"], demo("crop")
    page.ask(picture)
    box = page.page.locator("#stage").bounding_box()
    cell = box["width"] / 20
    page.page.mouse.move(box["x"] + 10 * cell, box["y"] + 8 * cell)
    page.page.mouse.down()
    page.page.mouse.move(box["x"] + 7.9 * cell, box["y"] + 11.1 * cell, steps=7)
    page.page.mouse.up()
    page.page.mouse.move(box["x"], box["y"])
    moved = shift_images(decode_image(picture, model.image_format)[None], 3, -2, 0)[0]
    assert distance(page.probabilities(), expected(model, moved)) < 1e-5


def test_a_smaller_picture_lies_in_the_middle_of_the_view(demo, models, picture):
    model, page = models["crop"], demo("crop")
    page.ask(picture)
    page.page.locator("#size").fill("50")
    small = decode_image(picture, ImageFormat(8, 10, 1, "crop"))
    wanted = np.zeros((16, 20, 1), np.uint8)
    wanted[4:12, 5:15] = small
    assert distance(page.probabilities(), expected(model, wanted)) < 1e-5


def test_every_position_is_tried_and_can_be_gone_to(demo, models, picture):
    model, page = models["crop"], demo("crop")
    page.ask(picture)
    page.page.locator("#ask-all").click()
    page.page.locator("#map rect").first.wait_for()
    said = page.page.locator("#positions-said").inner_text()
    squares = page.page.locator("#map rect").count()
    pixels = decode_image(picture, model.image_format)[None]
    side = round(squares**0.5)
    across, down = (
        [(n - side // 2) * max(1, round(s / 3 / (side // 2))) for n in range(side)]
        for s in (20, 16)
    )
    moved = np.concatenate([shift_images(pixels, d, a, 0) for d in down for a in across])
    labels = predict_probabilities(model, moved).argmax(axis=1)
    home = predict_probabilities(model, pixels)[0].argmax()
    assert f"{CLASSES[home]} at {(labels == home).sum()} of {squares} positions" in said
    page.page.locator("#map rect").first.click()
    assert page.page.locator("#map rect").first.get_attribute("class").endswith("here")
    assert f"{-across[0]} px left and {-down[0]} px up" in page.page.locator("#place").inner_text()


def test_what_is_drawn_is_answered(demo, models):
    page = demo("crop")
    page.page.locator("#as-drawing").click()
    box = page.page.locator("#pad").bounding_box()
    page.page.mouse.move(box["x"] + 40, box["y"] + 40)
    page.page.mouse.down()
    page.page.mouse.move(box["x"] + box["width"] - 40, box["y"] + box["height"] / 2, steps=9)
    page.page.mouse.up()
    drawn = page.probabilities()
    assert sum(drawn.values()) == pytest.approx(1, abs=1e-5)
    # Clearing gives the level that is padded with, and so a known answer.
    page.page.locator("#clear").click()
    empty = expected(models["crop"], np.zeros((16, 20, 1), np.uint8))
    assert distance(page.probabilities(), empty) < 1e-5
    assert distance(drawn, empty) > 0.01


def test_a_file_that_is_no_picture_is_named_and_the_answer_stays(demo, picture, tmp_path):
    page = demo("crop")
    before = page.ask(picture)
    (tmp_path / "notes.png").write_text("no picture")
    page.page.set_input_files("#file", tmp_path / "notes.png")
    page.page.locator("#problem").wait_for()
    assert "notes.png is no picture" in page.page.locator("#problem").inner_text()
    assert page.probabilities() == before


def overlap(one: dict[str, float], other: dict[str, float]) -> bool:
    return all(
        one[start] < other[start] + other[size] and other[start] < one[start] + one[size]
        for start, size in (("x", "width"), ("y", "height"))
    )


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (800, "dark"), (1280, "light")])
def test_the_page_fits_its_window_and_shows_names_as_text(demo, picture, width, scheme):
    page = demo("crop", width, scheme)
    page.ask(picture)
    assert page.page.evaluate("document.documentElement.scrollWidth") <= width
    boxes = [each.bounding_box() for each in page.page.locator("main > section").all()]
    assert not any(overlap(*pair) for pair in itertools.combinations(boxes, 2))
    assert page.page.locator("#answers .name", has_text="<b>crab</b>").count() == 1
    facts = page.page.locator("#facts").inner_text()
    assert "91.2\u00a0% of 1,234 test images of beetles were right" in facts
    assert page.page.title() == "beetles"
    assert (
        "The network beetles-fast-1 tells 3 classes apart"
        in page.page.locator("#about").inner_text()
    )


def test_the_camera_is_answered_until_it_is_held(browser, address):
    chromium = browser.browser_type.launch(
        executable_path=os.environ.get("CONVWISE_CHROMIUM", "/usr/bin/chromium"),
        args=[
            "--no-sandbox",
            "--use-fake-device-for-media-stream",
            "--use-fake-ui-for-media-stream",
        ],
    )
    try:
        page = Demo(chromium.new_page(), f"{address}/crop/")
        page.page.locator("#as-camera").click()
        page.page.locator("#answers li").first.wait_for()
        page.page.locator("#hold").click()
        assert page.page.evaluate("document.querySelector('#video').srcObject.active") is False
        assert sum(page.probabilities().values()) == pytest.approx(1, abs=1e-5)
        assert page.said == []
    finally:
        chromium.close()
