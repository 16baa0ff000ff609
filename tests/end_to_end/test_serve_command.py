"""The command itself: it starts, reads its models again, and stops without losing a request."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from convwise.cli.main import run
from serving import file_of, picture, write_model


class Command:
    """``convwise serve`` in a process of its own, and what it logs."""

    def __init__(self, *arguments: str, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "convwise", "serve", *arguments, "--port", "0"],
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | environment,
        )
        self.log: list[dict[str, Any]] = []
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        self.port = int(self.event("listening")["url"].rpartition(":")[2])

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.log.append(json.loads(line))

    def event(self, name: str, count: int = 1) -> dict[str, Any]:
        """Wait for an event in the log."""
        end = time.monotonic() + 60
        while time.monotonic() < end:
            found = [line for line in self.log if line["event"] == name]
            if len(found) >= count:
                return found[count - 1]
            assert self.process.poll() is None or self.reader.is_alive(), self.log
            time.sleep(0.01)
        raise AssertionError(f"no {name} in {self.log}")

    def end(self) -> int:
        """Stop it as systemd does; return its exit status."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(30)
        self.reader.join(10)
        return status


@contextlib.contextmanager
def serving(*arguments: str, **environment: str) -> Iterator[Command]:
    command = Command(*arguments, **environment)
    try:
        yield command
    finally:
        if command.process.poll() is None:
            command.process.kill()
            command.process.wait()


class Clients:
    """Threads that ask all the time, each on a connection that it keeps."""

    def __init__(self, port: int, count: int = 6) -> None:
        self.port, self.stopped = port, threading.Event()
        self.answers: list[dict[str, Any]] = []
        self.lost: list[str] = []
        self.statuses: set[int] = set()
        self.threads = [threading.Thread(target=self._ask, args=(n,)) for n in range(count)]
        for thread in self.threads:
            thread.start()

    def _ask(self, number: int) -> None:
        content = file_of(picture(number))
        connection: http.client.HTTPConnection | None = None
        while not self.stopped.is_set():
            if connection is None:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
                try:
                    connection.connect()
                except OSError:
                    return  # nobody listens any more: nothing was accepted
            try:
                connection.request("POST", "/predict?top=1", content)
                answer = connection.getresponse()
                told = json.loads(answer.read())
            except (OSError, http.client.HTTPException) as error:
                self.lost.append(repr(error))
                return
            self.statuses.add(answer.status)
            if answer.status == 200:
                self.answers.append(told | {"picture": number})
            if answer.getheader("connection") == "close":
                connection.close()
                connection = None

    def wait_for(self, more: int) -> None:
        end, wanted = time.monotonic() + 30, len(self.answers) + more
        while len(self.answers) < wanted and time.monotonic() < end and not self.lost:
            time.sleep(0.005)

    def join(self) -> None:
        self.stopped.set()
        for thread in self.threads:
            thread.join(30)


def test_models_change_and_the_server_stops_under_load_and_no_request_is_lost(
    tmp_path: Path,
) -> None:
    file = write_model(tmp_path / "m.safetensors")
    with serving(str(file), "--threads", "1", OMP_NUM_THREADS="1") as command:
        versions = [command.event("listening")["models"][0]["version"]]
        clients = Clients(command.port)
        clients.wait_for(50)
        for count in range(1, 4):
            write_model(file, seed=count)
            command.process.send_signal(signal.SIGHUP)
            versions.append(command.event("model reloaded", count)["version"])
            clients.wait_for(30)
        file.write_bytes(b"no model")
        command.process.send_signal(signal.SIGHUP)
        failed = command.event("model not reloaded")
        assert "is not a safetensors file" in failed["error"]
        clients.wait_for(30)
        status = command.end()
        clients.join()
    assert clients.lost == []
    assert clients.statuses == {200}
    assert status == 0
    assert len(set(versions)) == 4
    assert {each["version"] for each in clients.answers} == set(versions)
    assert clients.answers[-1]["version"] == versions[-1]
    answered = sum(line["event"] == "request" and line["status"] == 200 for line in command.log)
    assert answered == len(clients.answers)
    stopped = command.log[-1]
    assert (stopped["event"], stopped["unanswered_images"]) == ("stopped", 0)
    # One version of the model and one picture: one answer.
    told: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for each in clients.answers:
        told.setdefault((each["version"], each["picture"]), []).append(each["predictions"][0])
    for same in told.values():
        assert len({each["label"] for each in same}) == 1
        chances = [each["probability"] for each in same]
        assert max(chances) - min(chances) <= 1e-5


def test_what_is_wrong_is_told_before_anything_is_served(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CONVWISE_TOKEN", raising=False)
    file = str(write_model(tmp_path / "m.safetensors"))
    for arguments, words in (
        ([], "no model to serve"),
        ([file, "--host", "0.0.0.0"], "--token"),
        ([file, "--host", "0.0.0.0", "--token", "short"], "too short"),
        ([str(tmp_path / "none")], "does not exist"),
        (["--model", "a"], "NAME=FILE"),
        (["--model", f"a={file}", "--model", f"a={file}"], "given twice"),
        ([file, "--queue", "0"], "queue"),
        ([file, "--max-batch", "0"], "batch"),
    ):
        assert run(["serve", *arguments]) == 2
        assert words in capsys.readouterr().err


def test_a_port_that_is_taken_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import socket

    file = write_model(tmp_path / "m.safetensors")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert run(["serve", str(file), "--port", str(port)]) == 2
    assert "choose another --port" in capsys.readouterr().err
