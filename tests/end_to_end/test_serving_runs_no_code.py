"""A server at work, its decoder too, under an audit hook: nothing is unpickled, compiled or run."""

from __future__ import annotations

import http.client
import json
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from serving import file_of, picture, write_model

# Python runs it as every process starts. A decoder may write no file, but to standard error.
HOOK = """
import os, sys
def hook(event, arguments):
    if event.split(".")[0] in ("pickle", "exec", "compile", "marshal"):
        if os.path.exists(os.environ["WATCH"]):
            os.write(2, f"audit {event} {arguments!r:.200}".replace(chr(10), " ").encode() + b"\\n")
sys.addaudithook(hook)
"""
KINDS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")


class Watched:
    """``convwise serve`` in a process of its own, and what its hook saw."""

    def __init__(self, model: Path, environment: dict[str, str]) -> None:
        command = [sys.executable, "-m", "convwise", "serve", str(model), "--port", "0"]
        command += ["--threads", "1", "--decoders", "1"]
        self.seen: list[str] = []
        self.process = subprocess.Popen(
            command, stderr=subprocess.PIPE, text=True, env=os.environ | environment
        )
        self.port = int(self.until("listening")["url"].rpartition(":")[2])

    def until(self, event: str) -> dict[str, Any]:
        """Read the log as far as an event."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if line.startswith("audit "):
                self.seen.append(line)
                continue
            told: dict[str, Any] = json.loads(line)
            if told["event"] == event:
                return told
        raise AssertionError(f"no {event}")

    def ask(self, method: str, path: str, body: bytes | None = None) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body)
            answer = connection.getresponse()
            answer.read()
            return answer.status
        finally:
            connection.close()


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "sitecustomize.py").write_text(HOOK, encoding="utf-8")
    path = os.pathsep.join(filter(None, (str(tmp_path), os.environ.get("PYTHONPATH"))))
    return {"PYTHONPATH": path, "WATCH": str(tmp_path / "watch")}


@pytest.fixture
def server(environment: dict[str, str], tmp_path: Path) -> Iterator[Watched]:
    found = Watched(write_model(tmp_path / "m.safetensors"), environment)
    try:
        yield found
    finally:
        found.process.kill()
        found.process.wait()


def ask_all_that_can_be_asked(server: Watched) -> None:
    for kind in KINDS:
        assert server.ask("POST", "/predict?top=2", file_of(picture(1), kind)) == 200
    assert server.ask("POST", "/predict?explain=grad_cam", file_of(picture(2))) == 200
    for bad in (pickle.dumps(print), file_of(picture(3))[:90]):
        assert 400 <= server.ask("POST", "/predict", bad) < 500
    for page in ("/", "/live", "/ready", "/metrics", "/model", "/openapi.json"):
        assert server.ask("GET", page) == 200, page


def test_a_server_unpickles_compiles_and_runs_nothing(
    server: Watched, environment: dict[str, str], tmp_path: Path
) -> None:
    # What is imported late is imported in the first round, which runs code.
    for watched in (False, True):
        if watched:
            Path(environment["WATCH"]).touch()
        ask_all_that_can_be_asked(server)
        write_model(tmp_path / "m.safetensors", seed=6 + watched)
        server.process.send_signal(signal.SIGHUP)
        server.until("model reloaded")
        ask_all_that_can_be_asked(server)
    Path(environment["WATCH"]).unlink()
    server.process.send_signal(signal.SIGTERM)
    server.until("stopped")
    assert server.seen == []


def test_the_hook_sees_what_is_run(environment: dict[str, str]) -> None:
    Path(environment["WATCH"]).touch()
    program = "exec('1'); import pickle; pickle.loads(pickle.dumps(print))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | environment,
    )
    assert "audit exec" in done.stderr
    assert "audit pickle.find_class" in done.stderr
