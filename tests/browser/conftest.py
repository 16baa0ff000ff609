"""A real browser; tests are skipped where there is none, except in continuous integration."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

# axe-core 4.10.3, unchanged, under the Mozilla Public License 2.0 that lies beside it.
AXE = Path(__file__).parent / "vendored" / "axe.min.js"
CHROMIUM = Path(os.environ.get("CONVWISE_CHROMIUM", "/usr/bin/chromium"))


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    """Return Chromium, without a window."""
    if not CHROMIUM.exists():
        message = f"{CHROMIUM} is not there; install chromium or set CONVWISE_CHROMIUM"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(
            executable_path=str(CHROMIUM), args=["--no-sandbox"], headless=True
        )
        yield chromium
        chromium.close()


@dataclass(frozen=True)
class Watched:
    """A page, what it said on its console or in dialogs, and all that it asked for."""

    page: Any
    said: list[str] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        said, fetched = self.said.append, self.fetched.append
        self.page.on("console", lambda message: said(message.text))
        self.page.on("pageerror", lambda error: said(str(error)))
        self.page.on("dialog", lambda dialog: (said(dialog.message), dialog.dismiss()))
        self.page.on("request", lambda request: fetched(request.url))


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Any]]:
    """Open a file; at the end nothing must have gone wrong, and nothing been fetched."""
    opened: list[tuple[Watched, Path]] = []

    def go(path: Path, width: int = 1280, scheme: str = "light") -> Any:
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        opened.append((Watched(page), path))
        page.goto(path.as_uri())
        return page

    yield go
    for watched, path in opened:
        watched.page.close()
        assert watched.said == []
        assert [url for url in watched.fetched if not url.startswith("data:")] == [path.as_uri()]


@pytest.fixture
def open_page(browser: Any, lab: Any) -> Iterator[Callable[..., Any]]:
    """Open a page of the module's lab; the console stays empty and nothing leaves this machine."""
    # Each with what its console may say.
    opened: list[tuple[Any, Watched, str]] = []

    def go(name: str, width: int = 1280, scheme: str = "light", *, refusals: bool = False) -> Any:
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce"
        )
        page = context.new_page()
        # A browser itself notes each refused request on its console.
        allowed = "the server responded with a status of 4" if refusals else ""
        opened.append((context, Watched(page), allowed))
        page.goto(lab.url)
        page.goto(f"http://127.0.0.1:{lab.port}/{name}")
        return page

    yield go
    own = (f"http://127.0.0.1:{lab.port}/", "data:", "blob:")
    for context, watched, allowed in opened:
        context.close()
        assert [text for text in watched.said if not allowed or allowed not in text] == []
        assert [url for url in watched.fetched if not url.startswith(own)] == []


@pytest.fixture(scope="session")
def module_at() -> Callable[[str], ModuleType]:
    """Return what imports a test module by its path: some make what pages are made from."""

    def find(path: str) -> ModuleType:
        place = Path(__file__).parents[1] / path
        spec = importlib.util.spec_from_file_location(f"shown_{place.stem}", place)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return find


@pytest.fixture(scope="session")
def made_up_run(module_at: Callable[[str], ModuleType]) -> ModuleType:
    """Return the module that makes run folders for the unit tests of the report."""
    return module_at("unit/report/conftest.py")


@pytest.fixture(scope="session")
def faults() -> Callable[..., list[str]]:
    """Return what asks axe for the serious and critical faults of a page, each in a line."""
    source = AXE.read_text(encoding="utf-8")

    def ask(page: Any) -> list[str]:
        page.evaluate(source)
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        return [
            f"{one['impact']}: {one['id']}: {node['html'][:160]}: {node['failureSummary']}"
            for one in found["violations"]
            if one["impact"] in ("serious", "critical")
            for node in one["nodes"][:3]
        ]

    return ask
