"""The page of a server in a real browser: predictions, maps, a token, narrow and wide."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convwise.data.decode import decode_image
from convwise.evaluation.predict import predict_probabilities
from serving import CLASSES, FORMAT, Running, file_of, picture, running, small_model, write_model

pytestmark = pytest.mark.browser
TOKEN = "correct-horse-battery-staple"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("page")
    models = {
        "small": write_model(folder / "small.safetensors"),
        "other": write_model(folder / "other.safetensors", seed=9),
    }
    with running(models) as found:
        yield found


@pytest.fixture
def open_page(browser: Any) -> Iterator[Callable[..., Any]]:
    """Open a server's page; nothing may go wrong, and nobody else may be asked."""
    opened = []

    def go(server: Running, width: int = 1280, scheme: str = "light") -> Any:
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        said: list[str] = []
        asked: list[str] = []
        page.on("console", lambda each: said.append(each.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(server.url)
        opened.append((page, server, said, asked))
        return page

    yield go
    for page, server, said, asked in opened:
        page.close()
        # A status that is no 200 is on the console, whatever the page makes of it.
        assert [each for each in said if not each.startswith("Failed to load resource")] == []
        strange = [
            url for url in asked if not url.startswith((server.url, "data:", f"blob:{server.url}"))
        ]
        assert strange == []


def give(page: Any, *files: tuple[str, bytes]) -> None:
    # The field stands in the page before the page knows its model, and is hidden until then.
    page.wait_for_selector("#main", state="visible")
    page.set_input_files(
        "#files",
        [{"name": name, "mimeType": "image/png", "buffer": content} for name, content in files],
    )


def test_the_page_shows_what_python_predicts(server: Running, open_page: Any) -> None:
    page = open_page(server)
    content = file_of(picture(3))
    give(page, ("three.png", content))
    page.wait_for_selector(".classes")
    page.locator("#status", has_text=re.compile("^1 image answered$")).wait_for()
    own = predict_probabilities(small_model(), decode_image(content, FORMAT)[np.newaxis])[0]
    order = np.argsort(-own)
    assert page.locator(".label").inner_text().startswith(CLASSES[order[0]])
    # Names are shown as they are, and by probability, also where they are numbers.
    assert page.locator(".classes th").all_inner_texts() == [CLASSES[place] for place in order]
    shown = [float(text[:-2]) for text in page.locator(".classes td:last-child").all_inner_texts()]
    assert shown == pytest.approx(100 * own[order], abs=0.051)
    assert page.locator(".file").inner_text() == "three.png"


def test_several_files_and_a_broken_one_each_get_their_answer(
    server: Running, open_page: Any
) -> None:
    page = open_page(server)
    files = [(f"{number}.png", file_of(picture(number))) for number in range(6)]
    give(page, *files, ("broken.png", files[0][1][:40]))
    page.locator(".classes").nth(5).wait_for()
    page.wait_for_selector(".failed")
    page.locator("#status", has_text=re.compile("^7 images answered$")).wait_for()
    assert page.locator(".classes").count() == 6
    assert page.locator(".answer", has_text="broken.png").locator(".failed").inner_text()


def test_the_map_is_laid_over_the_picture(server: Running, open_page: Any) -> None:
    page = open_page(server)
    drawn = "document.querySelector('canvas').toDataURL()"
    give(page, ("a.png", file_of(picture(1))))
    page.wait_for_selector(".classes")
    plain = page.evaluate(drawn)
    page.check("#explain")
    give(page, ("a.png", file_of(picture(1))))
    page.wait_for_selector(".looked")
    end = time.monotonic() + 60
    while page.evaluate(drawn) == plain:  # the page's policy forbids to wait inside it
        assert time.monotonic() < end
    assert "speaks for" in page.locator(".looked").inner_text()


def test_another_model_can_be_chosen(server: Running, open_page: Any) -> None:
    page = open_page(server)
    page.wait_for_selector("#model-choice")
    page.select_option("#model", "other")
    page.locator("h1", has_text="other").wait_for()
    assert "model=other" in page.locator("#curl").inner_text()
    content = file_of(picture(3))
    give(page, ("three.png", content))
    page.wait_for_selector(".classes")
    own = predict_probabilities(small_model(9), decode_image(content, FORMAT)[np.newaxis])[0]
    assert page.locator(".label").inner_text().startswith(CLASSES[own.argmax()])


def test_a_token_is_asked_for(tmp_path: Path, open_page: Any) -> None:
    file = write_model(tmp_path / "m.safetensors")
    with running({"m": file}, token=TOKEN) as guarded:
        page = open_page(guarded)
        page.wait_for_selector("#token")
        page.fill("#token", "wrong")
        page.press("#token", "Enter")
        page.locator("#token-note", has_text="That is not the token").wait_for()
        page.fill("#token", TOKEN)
        page.press("#token", "Enter")
        give(page, ("a.png", file_of(picture(1))))
        page.wait_for_selector(".classes")
        assert TOKEN not in page.locator("#curl").inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_fits_its_window(server: Running, open_page: Any, width: int, scheme: str) -> None:
    page = open_page(server, width, scheme)
    page.check("#explain")
    give(page, ("n" * 120 + ".png", file_of(picture(2))), ("broken.png", b"x"))
    page.wait_for_selector(".looked")
    page.wait_for_selector(".failed")
    page.click("summary")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("#card").inner_text().startswith("---")
