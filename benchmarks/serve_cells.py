"""What is measured of a server: speed, overload, right answers, stops, replaced models."""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from peers import peer_python
from serve_processes import Clients, PeakMemory, Server, convwise_command

HERE = Path(__file__).resolve().parent
WARM_SECONDS = 1.0
OVERLOAD = 4.0
# Back to normal: everything is answered, and half of it as fast as twice the time without load.
RECOVERY_STEP = 0.5
RECOVERY_SECONDS = 15.0
SWAP_CLIENTS = 16

Facts = dict[str, Any]


class Bench:
    """Where servers find their model, and for how long they are asked."""

    def __init__(self, folder: Path, peers: Path, seconds: float) -> None:
        self.folder, self.peers, self.seconds = folder, peers, seconds
        self.material: dict[str, tuple[Path, Path]] = {}

    @contextlib.contextmanager
    def convwise(self, kind: str, *more: str, model: Path | None = None) -> Iterator[Server]:
        """Run convwise's server as it is by default."""
        port = _free_port()
        command = convwise_command(model or self.material[kind][0], port, *more)
        server = Server(command, port, self.folder / "convwise.log")
        try:
            yield server
        finally:
            server.kill()

    @contextlib.contextmanager
    def litserve(self, kind: str) -> Iterator[Server]:
        """Run LitServe's server with the same model, in an environment of its own."""
        port, script = _free_port(), HERE / "contenders" / "litserve_server.py"
        python = peer_python("litserve", HERE / "peers-litserve.txt", self.peers, shares_torch=True)
        command = [str(python), str(script), str(self.material[kind][0]), "--port", str(port)]
        server = Server(command, port, self.folder / "litserve.log", live="/health")
        try:
            yield server
        finally:
            server.kill()

    @contextlib.contextmanager
    def clients(self, server: Server, kind: str, *more: str) -> Iterator[Clients]:
        """Run the process with all clients."""
        path = "/predict" if more else "/predict?top=1"
        clients = Clients(server.port, path, self.material[kind][1], *more)
        try:
            yield clients
        finally:
            clients.close()

    def closed(self, contender: str, kind: str, count: int) -> Facts:
        """Let clients ask all the time; return answers per second, and more."""
        ours = contender == "convwise"
        start = self.convwise if ours else self.litserve
        try:
            with (
                start(kind) as server,
                self.clients(server, kind, *([] if ours else ["--json"])) as clients,
            ):
                clients.ask("closed", seconds=WARM_SECONDS, connections=count)
                with PeakMemory(server) as memory:
                    found = clients.ask("closed", seconds=self.seconds, connections=count)
        except (OSError, RuntimeError) as error:
            return {"error": str(error)[-500:]}
        if "200" not in found["statuses"]:
            return {"error": f"no answer: {found['statuses']}"}
        return found | {
            "images_per_second": found["answers_per_second"],
            "client_cpu_share": found["client_cpu_seconds"] / found["seconds"],
            "peak_bytes": memory.peak,
        }


def half_load(bench: Bench, kind: str, rate: float) -> Facts:
    """Return latencies while requests come at random moments, so many a second."""
    with bench.convwise(kind) as server, bench.clients(server, kind) as clients:
        clients.ask("open", seconds=WARM_SECONDS, rate=rate, connections=64)
        found = clients.ask("open", seconds=bench.seconds, rate=rate, connections=256)
    return found | {"rate": rate, "p99_times_p50": found["p99_ms"] / found["p50_ms"]}


def overload(bench: Bench, kind: str, rate: float) -> Facts:
    """Return what happens at four times what the server can do, and how long it lasts."""
    calm = rate / 4
    with bench.convwise(kind) as server, bench.clients(server, kind) as clients:
        usual = clients.ask("open", seconds=WARM_SECONDS * 2, rate=calm, connections=64)
        with PeakMemory(server) as memory:
            found = clients.ask(
                "open", seconds=bench.seconds, rate=OVERLOAD * rate, connections=1_024
            )
        recovered = _recovery(clients, calm, usual["p50_ms"])
        cap = server.events("listening")[0]["memory_cap_bytes"]
    return found | {
        "wanted_rate": OVERLOAD * rate,
        "offered_times": found["requests"] / found["seconds"] / rate,
        "usual_p50_ms": usual["p50_ms"],
        "recovered_after_seconds": recovered,
        "peak_bytes": memory.peak,
        "memory_cap_bytes": cap,
        "only_200_429_503": set(found["statuses"]) <= {"200", "429", "503"},
    }


def _recovery(clients: Clients, rate: float, usual: float) -> float | None:
    """Return seconds until half of the requests are again answered as fast as without load."""
    began = time.monotonic()
    while time.monotonic() - began < RECOVERY_SECONDS:
        at = time.monotonic() - began
        found = clients.ask("open", seconds=RECOVERY_STEP, rate=rate, connections=64)
        if set(found["statuses"]) == {"200"} and found["p50_ms"] <= 2 * usual:
            return at
    return None


def ask_each(bench: Bench, kind: str, count: int) -> Facts:
    """Return how many of so many concurrent answers belong to another image, or are wrong."""
    with bench.convwise(kind) as server, bench.clients(server, kind) as clients:
        return clients.ask("each", count=count, connections=200)


def drains(bench: Bench, kind: str, count: int, tell: Callable[[str], None]) -> Facts:
    """Stop a server under load, so many times; return what became of the requests."""
    lost = answered = 0
    statuses, seconds = [], []
    for number in range(count):
        with bench.convwise(kind) as server, bench.clients(server, kind) as clients:
            clients.begin("until_end", connections=SWAP_CLIENTS)
            time.sleep(0.3 + 0.01 * (number % 50))
            began = time.monotonic()
            statuses.append(server.stop())
            seconds.append(time.monotonic() - began)
            found = clients.end()
            lost += found["lost"]
            answered += found["requests"]
        tell(f"stop {number + 1} of {count}: {lost} of {answered} requests lost")
    return {
        "n": count,
        "requests": answered,
        "lost": lost,
        "exit_statuses": sorted(set(statuses)),
        "longest_seconds": max(seconds, default=0.0),
    }


def swaps(bench: Bench, kind: str, count: int, tell: Callable[[str], None]) -> Facts:
    """Replace the model under load, so many times."""
    source, model = bench.material[kind][0], bench.folder / "swapped.safetensors"
    shutil.copy(source, model)
    with (
        bench.convwise(kind, model=model) as server,
        bench.clients(server, kind) as clients,
        PeakMemory(server) as memory,
    ):
        clients.begin("until_end", connections=SWAP_CLIENTS)
        for number in range(count):
            aside = model.with_suffix(".new")
            shutil.copy(source, aside)
            aside.replace(model)
            server.signal(signal.SIGHUP)
            end = time.monotonic() + 30
            while len(server.events("model reloaded")) <= number and time.monotonic() < end:
                time.sleep(0.05)
        done = len(server.events("model reloaded"))
        server.stop()
        found = clients.end()
    tell(f"{done} models replaced: {found['lost']} of {found['requests']} requests lost")
    return {
        "n": done,
        "requests": found["requests"],
        "statuses": found["statuses"],
        "lost": found["lost"],
        "peak_bytes": memory.peak,
    }


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
