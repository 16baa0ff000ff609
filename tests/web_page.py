"""A folder served, and a page of ``export --to web`` driven, for tests in a browser."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        pass


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on loopback by a server that knows nothing special; give its address."""
    handler = partial(QuietHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class Demo:
    """A page that is ready, and all that it has said and asked for."""

    def __init__(self, page: Any, address: str) -> None:
        self.page = page
        self.requests: list[str] = []
        self.said: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.goto(address)
        page.locator("#work").wait_for(timeout=30_000)

    def probabilities(self) -> dict[str, float]:
        self.page.locator("#answer[aria-busy='false'] li").first.wait_for()
        found: dict[str, float] = self.page.evaluate(
            "Object.fromEntries([...document.querySelectorAll('#answers li')].map(each =>"
            " [each.querySelector('.name').textContent, +each.querySelector('data').value]))"
        )
        return found

    def ask(self, file: Path) -> dict[str, float]:
        self.page.set_input_files("#file", file)
        self.page.locator("#file-name").filter(has_text=f"{file.name},").wait_for()
        return self.probabilities()
