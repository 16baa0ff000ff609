"""Servers as processes: started, watched, asked by clients, stopped."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
START_SECONDS = 120.0
STOP_SECONDS = 60.0

Facts = dict[str, Any]


class Server:
    """A server in a process group of its own.

    Args:
        command: that starts it.
        port: on which it listens.
        log: file for what it prints.
        environment: of the process.
        live: path that is answered once it is ready.
    """

    def __init__(
        self,
        command: Sequence[str],
        port: int,
        log: Path,
        environment: Mapping[str, str] | None = None,
        live: str = "/ready",
    ) -> None:
        self.port, self.log = port, log
        with log.open("w", encoding="utf-8") as stream:
            self.process = subprocess.Popen(
                [*command],
                stdout=stream,
                stderr=stream,
                env=dict(environment or os.environ),
                start_new_session=True,
            )
        self._wait_until_ready(live)

    def _wait_until_ready(self, live: str) -> None:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise RuntimeError(self.log.read_text(encoding="utf-8")[-2_000:])
            with contextlib.suppress(OSError):
                address = f"http://127.0.0.1:{self.port}{live}"
                with urllib.request.urlopen(address, timeout=2) as answer:
                    if answer.status == 200:
                        return
            time.sleep(0.05)
        self.kill()
        raise RuntimeError("the server did not get ready")

    def events(self, name: str) -> list[Facts]:
        """Return lines of its log, where it logs JSON."""
        found = []
        for line in self.log.read_text(encoding="utf-8").splitlines():
            with contextlib.suppress(ValueError):
                told = json.loads(line)
                if told.get("event") == name:
                    found.append(told)
        return found

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the server alone, as systemd and Docker do."""
        self.process.send_signal(number)

    def stop(self) -> int:
        """Ask it to stop, and return its exit status."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            return -9

    def kill(self) -> None:
        """End it and all that it started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def resident_bytes(self) -> int:
        """Return the memory of the process and all that it started."""
        return sum(_resident(pid) for pid in _tree(self.process.pid))


class PeakMemory:
    """Looks at a server's memory ten times a second, within a block."""

    def __init__(self, server: Server) -> None:
        self._server, self._done = server, threading.Event()
        self.peak = 0
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def _watch(self) -> None:
        while not self._done.wait(0.1):
            self.peak = max(self.peak, self._server.resident_bytes())

    def __enter__(self) -> PeakMemory:
        self._thread.start()
        return self

    def __exit__(self, *details: object) -> None:
        self._done.set()
        self._thread.join()


class Clients:
    """The process with all clients."""

    def __init__(self, port: int, path: str, material: Path, *more: str) -> None:
        command = [sys.executable, str(HERE / "serve_client.py"), str(port), path, str(material)]
        command += more
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._read()

    def ask(self, do: str, **details: Any) -> Facts:
        """Let them do something, and return what they found."""
        self.begin(do, **details)
        return self._read()

    def begin(self, do: str, **details: Any) -> None:
        """Let them begin; :meth:`end` returns what they found."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": do, **details}) + "\n")
        self._process.stdin.flush()

    def end(self) -> Facts:
        """Wait until they are done."""
        return self._read()

    def _read(self) -> Facts:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the clients ended")
        found: Facts = json.loads(line)
        return found

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()


def convwise_command(model: Path, port: int, *more: str) -> list[str]:
    """Return the command line of convwise's server, with its defaults."""
    return [sys.executable, "-m", "convwise", "serve", str(model), "--port", str(port), *more]


def _tree(pid: int) -> list[int]:
    """Return a process and its descendants."""
    found = [pid]
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text(encoding="ascii").split():
                found += _tree(int(child))
    return found


def _resident(pid: int) -> int:
    """Return the memory that belongs to a process: what it shares counts in part."""
    with contextlib.suppress(OSError, StopIteration):
        text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
        line = next(each for each in text.splitlines() if each.startswith("Pss:"))
        return int(line.split()[1]) << 10
    return 0
