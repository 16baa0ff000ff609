"""The pages Train and Explain in a real browser, with trainings that are real and short."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from convwise.evaluation.predict import predict_probabilities
from convwise.lab.known_pictures import KnownPictures
from convwise.lab.objects import Picture
from convwise.lab.places import Places
from convwise.model.modelfile import load_model
from lab_client import write_model
from served_lab import ServedLab, lab_that_trains

pytestmark = pytest.mark.browser

AXE = Path(__file__).with_name("vendored") / "axe.min.js"
CLASSES = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)
CANVAS = (38, 38, 1)
STUDIED = {
    "dense": "flatten | dense 16 relu | dense classes",
    "global-pool": "conv 8 3 same relu | maxpool 2 | conv 8 3 same relu | global_maxpool"
    " | dense classes",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("lab")
    study = made / "studies" / "clothes"
    study.mkdir(parents=True)
    (study / "study.json").write_text(json.dumps({"data": {"source": "fashion-mini"}}))
    for name, text in STUDIED.items():
        path = study / "models" / f"position--{name}--0.safetensors"
        write_model(path, text, CANVAS, CLASSES)
    return made


@pytest.fixture(scope="module")
def lab(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedLab]:
    with lab_that_trains(folder, tmp_path_factory.mktemp("cache")) as running:
        yield running


def fits_and_is_accessible(page: Any, width: int) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run()")["violations"]
    grave = [each for each in found if each["impact"] in ("serious", "critical")]
    assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in grave] == []


def ask_for(page: Any, epochs: int, network: str = "") -> None:
    page.select_option("[name=data]", "fashion-mini")
    page.select_option("[name=known]", "" if network else "lenet")
    if network:
        page.fill("[name=notation]", network)
    page.fill("[name=epochs]", str(epochs))
    page.click("summary")
    page.select_option("[name=precision]", "fp32")
    page.fill("[name=threads]", "1")
    page.click("summary")
    # The command follows each field a moment later: what was asked for last must stand in it too.
    page.wait_for_function(
        "words => words.every(each => document.querySelector('#command').innerText.includes(each))",
        arg=[f"--epochs {epochs}", "--precision fp32", "--threads 1"],
    )


def wait_for_text(page: Any, selector: str, pattern: str) -> str:
    """Wait until an element's text matches, and return that very text."""
    found = page.wait_for_function(
        "([selector, pattern]) => {"
        " const text = document.querySelector(selector).innerText;"
        " return new RegExp(pattern).test(text) && text; }",
        arg=[selector, pattern],
        timeout=60_000,
    )
    return str(found.json_value())


@pytest.fixture(scope="module")
def small() -> str:
    return "avgpool 2 | flatten | dense 16 relu | dense classes"


def test_a_training_is_watched_live_stopped_and_resumed(
    open_page: Callable[..., Any], folder: Path, small: str
) -> None:
    page = open_page("train")
    # More epochs than end before all that follows was looked at, however busy the machine is.
    ask_for(page, 100_000, small)
    shown = page.inner_text("#command")
    page.click("#start")
    page.wait_for_selector("#charts figure >> nth=1", timeout=60_000)
    run = folder / "runs" / "fashion-mini-custom-1"
    command = json.loads((run / "run.json").read_text())["command"]
    assert command == shown
    # It moves while one looks on.
    before = wait_for_text(page, "#where", r"^epoch \d+ of 100000$")
    page.wait_for_function("was => document.querySelector('#where').innerText !== was", arg=before)
    page.wait_for_function("() => document.querySelector('#share').value > 0")
    wait_for_text(page, "#speed", r"^[\d,]+$")
    wait_for_text(page, "#left", r"^\d+:\d\d")
    page.wait_for_selector("#examples li >> nth=11")
    page.click("#stop")
    page.wait_for_selector("#resume:visible", timeout=60_000)
    wait_for_text(page, "#status", "interrupted")
    facts = json.loads((run / "run.json").read_text())
    assert facts["status"] == "interrupted"
    kept = len((run / "history.jsonl").read_text().splitlines())
    page.click("#resume")
    page.wait_for_function(
        "() => document.querySelector('#queue').innerText.includes('convwise resume')",
        timeout=60_000,
    )
    page.wait_for_selector("#stop:visible", timeout=60_000)
    page.wait_for_function(
        f"() => parseInt(document.querySelector('#where').innerText.slice(6)) > {kept}",
        timeout=60_000,
    )
    # Another one waits for its turn, and can be taken out.
    page.click("#start")
    page.wait_for_selector("#queue >> text=waits")
    page.get_by_role("button", name=re.compile("Take out")).click()
    page.wait_for_selector("#queue >> text=taken out of the queue")
    page.click("#stop:enabled")
    page.wait_for_selector("#resume:visible", timeout=60_000)
    assert len((run / "history.jsonl").read_text().splitlines()) > kept
    # A page that is opened later sees the same.
    again = open_page("train")
    again.wait_for_selector("#charts figure >> nth=1")
    wait_for_text(again, "#watched-title", "fashion-mini")


def test_what_is_wrong_with_a_request_is_told_beside_it(open_page: Callable[..., Any]) -> None:
    page = open_page("train")
    page.select_option("[name=known]", "")
    page.fill("[name=notation]", "conv 8 3\nmaxpol 2\nflatten\ndense classes")
    wait_for_text(page, "#problem", "line 2")
    assert page.is_disabled("#start")
    page.fill("[name=notation]", "flatten\ndense classes")
    page.wait_for_selector("#problem", state="hidden")
    wait_for_text(page, "#command", "'flatten \\| dense classes'")


def test_a_design_can_be_handed_over(open_page: Callable[..., Any]) -> None:
    page = open_page("train#network=flatten%0Adense%20classes")
    wait_for_text(page, "#command", "flatten \\|")


def answered(page: Any) -> None:
    page.wait_for_selector("#net-0 .best li >> nth=4")
    page.wait_for_selector("#net-1 .best li >> nth=4")
    page.wait_for_function("() => document.querySelector('#verdict').innerText.length > 0")


def probabilities(page: Any, net: int) -> dict[str, float]:
    """What the page shows, read at once: a newer answer may replace the list at any time.

    A locator finds the items first and reads them later, and the text of an item that was
    replaced in between has lost its spaces.
    """
    rows = page.evaluate(
        "net => [...document.querySelectorAll(`#net-${net} .best li`)].map((row) =>"
        " [row.querySelector('bdi').textContent, row.querySelector('.share').textContent])",
        net,
    )
    assert len(rows) == 5
    return {label: float(share.removesuffix(" %")) for label, share in rows}


def wanted(folder: Path, name: str, down: int, right: int) -> dict[str, float]:
    """What a network says of the first test picture, which the page begins with."""
    dataset = KnownPictures().dataset("fashion-mini", Places(folder))
    picture = Picture.of(KnownPictures.picture(dataset, 0).pixels)
    canvas = picture.on_canvas(38, 38, 5 + down, 5 + right)
    model = load_model(folder / "studies/clothes/models" / f"position--{name}--0.safetensors")
    found = predict_probabilities(model, canvas[np.newaxis])[0]
    return dict(zip(CLASSES, (100 * found).tolist(), strict=True))


@pytest.mark.parametrize("by", ["mouse", "keyboard", "sliders"])
def test_a_dragged_object_is_what_both_networks_answer_to(
    by: str, open_page: Callable[..., Any], folder: Path
) -> None:
    page = open_page("explain")
    answered(page)
    assert page.inner_text("#net-0-title") == "dense, seed 0"
    before = [probabilities(page, net) for net in (0, 1)]
    if by == "mouse":
        box = page.locator("#stage").bounding_box()
        middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        step = box["width"] / 38
        page.mouse.move(*middle)
        page.mouse.down()
        page.mouse.move(middle[0] + 2 * step, middle[1] + step, steps=4)
        page.mouse.move(middle[0] + 3 * step, middle[1] + 2 * step, steps=4)
        page.mouse.up()
    elif by == "keyboard":
        page.focus("#stage")
        for key in ("ArrowRight", "ArrowRight", "ArrowRight", "ArrowDown", "ArrowDown"):
            page.keyboard.press(key)
    else:
        page.locator("#across").fill("3")
        page.locator("#down").fill("2")
    page.wait_for_function("() => document.querySelector('#speed').dataset.at === '7,8'")
    assert page.inner_text("#offset") == "3 right, 2 down of the middle"
    for net, name in ((0, "dense"), (1, "global-pool")):
        found = probabilities(page, net)
        assert found != before[net]
        right = wanted(folder, name, 2, 3)
        for label, probability in found.items():
            assert probability == pytest.approx(right[label], abs=0.06), (name, label)


def test_a_pointer_that_moves_within_a_pixel_asks_nothing(open_page: Callable[..., Any]) -> None:
    page = open_page("explain")
    answered(page)
    box = page.locator("#stage").bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    step = box["width"] / 38
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] + 0.4 * step, middle[1] - 0.4 * step, steps=8)
    page.mouse.up()
    with page.expect_response("**/api/explain/look**"):
        page.keyboard.press("ArrowRight")
    assert len([url for url in asked if "/look" in url]) == 1


def test_maps_follow_and_a_net_without_them_says_so(open_page: Callable[..., Any]) -> None:
    page = open_page("explain")
    answered(page)
    assert page.locator("#net-0 [data-part=no-maps]").is_visible()
    assert not page.locator("#net-0 [data-part=maps]").is_visible()
    assert "8 maps of 38 × 38" in page.inner_text("#net-1 [data-part=maps-words]")
    page.select_option("#net-1 [data-part=layer]", "pool1")
    page.wait_for_selector("text=8 maps of 19 × 19")
    drawn = "document.querySelector('#net-1 [data-part=maps]').toDataURL()"
    before = page.evaluate(drawn)
    page.focus("#stage")
    page.keyboard.press("Shift+ArrowLeft")
    page.wait_for_function(f"was => {drawn} !== was", arg=before)


def test_a_click_on_the_map_of_places_moves_the_object(open_page: Callable[..., Any]) -> None:
    page = open_page("explain")
    answered(page)
    page.wait_for_selector("#net-0 [data-part=share] >> text=places")
    page.locator("#net-0 [data-part=everywhere]").click(position={"x": 2, "y": 2})
    wait_for_text(page, "#offset", r"^\d+ left, \d+ up")


def test_a_picture_of_the_user_is_looked_at(open_page: Callable[..., Any], tmp_path: Path) -> None:
    page = open_page("explain")
    answered(page)
    Image.new("RGB", (300, 200), (40, 90, 160)).save(tmp_path / "blue.png")
    with page.expect_response("**/api/explain/look**"):
        page.set_input_files("#file", tmp_path / "blue.png")
    page.wait_for_function("() => document.querySelector('#side-words').innerText.includes('38')")
    page.click("text=Draw one")
    page.locator("#sketch").scroll_into_view_if_needed()
    box = page.locator("#sketch").bounding_box()
    page.mouse.move(box["x"] + 60, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 200, box["y"] + 180, steps=5)
    with page.expect_response("**/api/explain/look**"):
        page.mouse.up()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("name", ["train", "explain"])
def test_both_pages_fit_their_window_and_can_be_used_by_everyone(
    name: str, width: int, scheme: str, open_page: Callable[..., Any]
) -> None:
    page = open_page(name, width, scheme)
    if name == "explain":
        answered(page)
    else:
        page.wait_for_function("() => document.querySelector('#command').innerText.length > 0")
    fits_and_is_accessible(page, width)
