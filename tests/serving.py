"""A server in a thread, models to serve, and pictures that are told apart by their answers."""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import io
import json
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from convwise.design.plan import plan
from convwise.image import ImageFormat
from convwise.model.build import build
from convwise.model.modelfile import model_bytes
from convwise.model.trained import TrainedModel
from convwise.serve.server import SWITCH_SECONDS, Server
from convwise.serve.settings import Settings

FORMAT = ImageFormat(12, 10, 3, "pad", (0.4, 0.5, 0.3), (0.2, 0.3, 0.25), pad_value=30)
CLASSES = ("ant", "bee", "crab", "7", "<b>dog</b>")
TEXT = "conv 6 3 same norm relu | maxpool 2 | conv 8 3 same relu | flatten | dense classes"


def small_model(seed: int = 5) -> TrainedModel:
    """Return a network whose answers differ much from picture to picture."""
    network = build(plan(TEXT, FORMAT, len(CLASSES)), seed=seed)
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if name.endswith(("mean", "beta", "bias")):
                value.copy_(torch.linspace(-0.3, 0.4, value.numel()))
    return TrainedModel(network.eval(), FORMAT, CLASSES, "small", temperature=0.7)


def write_model(path: Path, seed: int = 5) -> Path:
    """Write a model file as it should be replaced: aside, then renamed."""
    aside = path.with_suffix(".new")
    aside.write_bytes(model_bytes(small_model(seed)))
    return aside.replace(path)


def picture(number: int) -> Image.Image:
    """Return a picture of noise around a colour, each number another one."""
    random = np.random.default_rng(number)
    base = random.integers(0, 200, 3)
    noise = random.integers(0, 56, (14 + number % 5, 11 + number % 7, 3))
    return Image.fromarray((base + noise).astype(np.uint8))


def file_of(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@dataclasses.dataclass
class Running:
    """A server that runs."""

    server: Server
    port: int
    thread: threading.Thread

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        """Ask it to stop, as SIGTERM does."""
        self.server.stop()

    def send(
        self,
        body: bytes,
        query: str = "",
        content_type: str = "application/octet-stream",
        **headers: str,
    ) -> tuple[int, Any, dict[str, str]]:
        """Return status, JSON and headers of the answer to POST /predict."""
        told = {"Content-Type": content_type, **headers}
        return self.ask("POST", f"/predict{query}", body, told)

    def get(self, path: str, **headers: str) -> tuple[int, Any, dict[str, str]]:
        """Return status, JSON and headers of the answer to GET."""
        return self.ask("GET", path, None, headers)

    def ask(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str]
    ) -> tuple[int, Any, dict[str, str]]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
            told = {name.lower(): value for name, value in answer.getheaders()}
            is_json = told.get("content-type") == "application/json"
            return answer.status, json.loads(content) if is_json else content, told
        finally:
            connection.close()

    def raw(self, content: bytes, timeout: float = 10) -> bytes:
        """Send bytes as they are; return all that comes until the server closes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout) as connection:
            with contextlib.suppress(OSError):
                connection.sendall(content)
            return everything(connection)


def everything(connection: socket.socket) -> bytes:
    """Return all that comes until the other side closes."""
    found = b""
    with contextlib.suppress(OSError):
        while part := connection.recv(65_536):
            found += part
    return found


@contextlib.contextmanager
def running(models: dict[str, Path], **settings: Any) -> Iterator[Running]:
    """Run a server in a thread until the end of the block."""
    # Clients, server and model share one process here, and so Python's lock; see serve.server.
    sys.setswitchinterval(SWITCH_SECONDS)
    options = {"decoders": 2, "threads": 1, "port": 0} | settings
    server = Server(Settings(models, **options))
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    end = time.monotonic() + 30
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        assert time.monotonic() < end
        time.sleep(0.005)
    try:
        yield Running(server, listener.getsockname()[1], thread)
    finally:
        server.should_exit = server.force_exit = True
        thread.join(20)
        assert not thread.is_alive(), "the server did not stop"


def multipart(files: list[tuple[str | None, bytes]], boundary: str = "frontier") -> bytes:
    """Return a body with a part for each (file name, content)."""
    parts = []
    for name, content in files:
        told = f'; filename="{name}"' if name is not None else ""
        parts.append(
            f'--{boundary}\r\nContent-Disposition: form-data; name="image"{told}\r\n'
            "Content-Type: application/octet-stream\r\n\r\n".encode()
            + content
            + b"\r\n"
        )
    return b"".join(parts) + f"--{boundary}--\r\n".encode()


MULTIPART = "multipart/form-data; boundary=frontier"
