"""The lab as a process, and the trainings that it starts."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

import pytest

from convwise.training.checkpoint import load_checkpoint

NETWORK = "avgpool 2 | flatten | dense classes"
# Seconds; a machine that does much else at once takes long to start a process with torch in it.
PATIENCE = 180


class Lab:
    """A lab that was opened in a browser, and is asked without one."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self.process = process
        self.url = json.loads(process.stdout.readline())["url"]
        self._base = self.url.partition("/?")[0]
        jar = urllib.request.HTTPCookieProcessor(CookieJar())
        self._opener = urllib.request.build_opener(jar)
        self._opener.open(self.url, timeout=PATIENCE).close()

    def start(self) -> Any:
        """Start a training on the photos that would take long."""
        with self._opener.open(f"{self._base}/train", timeout=PATIENCE) as page:
            given = re.search(
                r'<option value="([^"]+)" title="[^"]*">photos<', page.read().decode()
            )
        assert given is not None
        asked = {"data": given[1], "network": NETWORK, "recipe": {"epochs": 100_000}}
        return self.ask("/api/train/start", asked | {"precision": "fp32", "threads": 1})

    def ask(self, path: str, values: Any = None) -> Any:
        body = None if values is None else json.dumps(values).encode()
        headers = {"origin": self._base, "content-type": "application/json"}
        request = urllib.request.Request(self._base + path, body, headers)
        with self._opener.open(request, timeout=PATIENCE) as answer:
            return json.load(answer)

    def events(self, until: Callable[[str, Any], bool]) -> None:
        """Read the stream until something comes."""
        with self._opener.open(f"{self._base}/api/train/stream", timeout=PATIENCE) as stream:
            name = ""
            for line in stream:
                head, _, rest = line.decode().rstrip("\n").partition(": ")
                if head == "event":
                    name = rest
                elif head == "data" and until(name, json.loads(rest)):
                    return

    def first_queued(self) -> dict[str, Any]:
        found: list[dict[str, Any]] = []

        def queue(name: str, content: Any) -> bool:
            if name == "queue":
                found.extend(content)
            return name == "queue"

        self.events(queue)
        return found[0]


@contextmanager
def lab_in(convwise: Any, folder: Path, photos: Path) -> Iterator[Lab]:
    with convwise.start(["lab", "--json", "--data", photos], cwd=folder) as process:
        try:
            yield Lab(process)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
            process.communicate(timeout=PATIENCE)


def status(run: Path) -> str:
    return str(json.loads((run / "run.json").read_text())["status"])


def test_a_lab_that_ends_stops_its_training_with_a_checkpoint(
    convwise: Any, photos: Path, tmp_path: Path
) -> None:
    run = tmp_path / "runs" / "photos-custom-1"
    with lab_in(convwise, tmp_path, photos) as lab:
        entry = lab.start()
        assert entry["state"] == "running"
        assert entry["command"] == (
            f"convwise train {photos} --network '{NETWORK}' --epochs 100000 --precision fp32"
            " --threads 1 --out runs/photos-custom-1"
        )
        lab.events(lambda name, content: name == "history" and content["epochs"] >= 2)
        lab.process.send_signal(signal.SIGINT)
        _, err = lab.process.communicate(timeout=PATIENCE)
    assert "Traceback" not in err
    assert "the training keeps its checkpoint" in err
    assert status(run) == "interrupted"
    assert json.loads((run / "run.json").read_text())["command"] == entry["command"]
    assert load_checkpoint(run / "checkpoint").facts["progress"]["step"] > 0

    with lab_in(convwise, tmp_path, photos) as lab:
        # It finds what ran, which can go on.
        assert lab.first_queued()["message"] == "stopped; its checkpoint is kept"
        (found,) = lab.ask("/api/train/runs")["runs"]
        assert (found["name"], found["resumable"]) == (run.name, True)
        no_path_gets_in(lab, photos)


def no_path_gets_in(lab: Lab, photos: Path) -> None:
    for values in (
        {"data": "/etc"},
        {"data": "../photos"},
        {"data": str(photos)},
        {"data": "fashion-mini", "network": "/etc/passwd"},
        {"data": "fashion-mini", "recipe": {"out": "/tmp/x"}},
        {"data": "fashion-mini", "out": "/tmp/x"},
    ):
        with pytest.raises(urllib.error.HTTPError) as refused:
            lab.ask("/api/train/start", values)
        assert refused.value.code in (400, 404)
        assert re.match(r'\{"message":', refused.value.read().decode())


def test_a_training_outlives_a_lab_that_is_killed(
    convwise: Any, photos: Path, tmp_path: Path
) -> None:
    run = tmp_path / "runs" / "photos-custom-1"
    with lab_in(convwise, tmp_path, photos) as lab:
        lab.start()
        lab.events(lambda name, content: name == "history" and content["epochs"] >= 1)
        lab.process.kill()
    with lab_in(convwise, tmp_path, photos) as lab:
        entry = lab.first_queued()
        assert entry["state"] == "running"
        lab.ask(f"/api/train/stop/{entry['id']}", {})
        lab.events(lambda name, content: name == "queue" and content[-1]["state"] == "ended")
    assert status(run) == "interrupted"
