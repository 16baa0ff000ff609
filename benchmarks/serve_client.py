"""Sixty-four clients and more in one process, as lean as Python allows: asyncio and no library.

Reads one JSON command a line from standard input and answers each with one JSON line. It shares the
machine with the server that it asks, so what it costs itself is in every figure.

    {"do": "closed", "seconds": 5, "connections": 64}          each asks again once it is answered
    {"do": "open", "seconds": 5, "rate": 800, "connections": 256}    at random moments, by the rate
    {"do": "each", "count": 10000, "connections": 200}         so many, every answer compared
    {"do": "until_end", "connections": 16}                     until nobody listens any more
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import random
import sys
import time
from collections import Counter, deque
from pathlib import Path
from typing import Any

import numpy as np

TOLERANCE = 1e-5
TIE = 1e-4
PATIENCE = 60.0


class Connection(asyncio.Protocol):
    """A connection that is kept; one question at a time."""

    def __init__(self) -> None:
        self._read = bytearray()
        self._answered: asyncio.Future[tuple[int, bytes]] | None = None
        self._transport: asyncio.Transport | None = None
        self.open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport, self.open = transport, True  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self._read += data
        end = self._read.find(b"\r\n\r\n")
        if end < 0 or self._answered is None:
            return
        head = bytes(self._read[:end]).lower()
        at = head.index(b"content-length:") + 15
        length = int(head[at:].split(b"\r\n", 1)[0])
        if len(self._read) < end + 4 + length:
            return
        body = bytes(self._read[end + 4 : end + 4 + length])
        self._read.clear()
        if b"connection: close" in head and self._transport is not None:
            self.open = False
            self._transport.close()
        answered, self._answered = self._answered, None
        if not answered.done():
            answered.set_result((int(head[9:12]), body))

    def connection_lost(self, exc: Exception | None) -> None:
        self.open = False
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(ConnectionResetError("closed without an answer"))

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        self._answered = asyncio.get_running_loop().create_future()
        assert self._transport is not None
        self._transport.write(request)
        return await self._answered

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()


class Clients:
    """What is asked, and what came back."""

    def __init__(self, port: int, path: str, material: Path, *, as_json: bool) -> None:
        with np.load(material) as loaded:
            files = [loaded[f"file{place}"].tobytes() for place in range(len(loaded["answers"]))]
            self.answers = loaded["answers"]
        self.port = port
        kind = "application/json" if as_json else "application/octet-stream"
        bodies = [_as_json(each) for each in files] if as_json else files
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: {kind}\r\n"
        self.requests = [
            f"{head}Content-Length: {len(each)}\r\n\r\n".encode() + each for each in bodies
        ]
        self.reset()

    def reset(self) -> None:
        self.statuses: Counter[int] = Counter()
        self.seconds: list[float] = []
        self.good_at: list[float] = []
        self.swapped = self.compared = self.lost = 0
        self.worst = 0.0

    async def connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        _, made = await loop.create_connection(Connection, "127.0.0.1", self.port)
        return made

    async def one(self, connection: Connection, place: int, *, compare: bool) -> int:
        began = time.perf_counter()
        status, body = await connection.ask(self.requests[place])
        now = time.perf_counter()
        self.statuses[status] += 1
        if status == 200:
            self.seconds.append(now - began)
            self.good_at.append(now)
            if compare:
                self.compare(place, body)
        return status

    def compare(self, place: int, body: bytes) -> None:
        told = json.loads(body)
        found = told["predictions"][0] if "predictions" in told else told
        own = self.answers[place]
        best = int(own.argmax())
        label, probability = found["label"], found["probability"]
        self.compared += 1
        error = abs(probability - float(own[int(label)]))
        self.worst = max(self.worst, error)
        tied = own[best] - own[int(label)] <= TIE
        self.swapped += error > TOLERANCE or (int(label) != best and not tied)

    async def closed(self, seconds: float, connections: int) -> float:
        end = time.perf_counter() + seconds

        async def client(number: int) -> None:
            numbers, connection = random.Random(number), await self.connect()
            while time.perf_counter() < end:
                place = numbers.randrange(len(self.requests))
                compare = numbers.random() < 0.05
                if await self.one(connection, place, compare=compare) != 200:
                    await asyncio.sleep(0.02)
                if not connection.open:
                    connection = await self.connect()
            connection.close()

        began = time.perf_counter()
        await asyncio.gather(*(client(number) for number in range(connections)))
        return time.perf_counter() - began

    async def open(self, seconds: float, rate: float, connections: int) -> float:
        """Ask at random moments; where all connections are busy, a request is not sent."""
        idle = deque([await self.connect() for _ in range(connections)])
        numbers, tasks = random.Random(0), set()
        self.unsent = 0

        async def send(connection: Connection, place: int) -> None:
            try:
                await self.one(connection, place, compare=False)
            except ConnectionError:
                self.lost += 1
            if not connection.open:
                connection = await self.connect()
            idle.append(connection)

        began = next_at = time.perf_counter()
        while next_at < began + seconds:
            next_at += numbers.expovariate(rate)
            pause = next_at - time.perf_counter()
            # The loop's clock is coarse: what is due within a millisecond is sent now.
            if pause > 0.001:
                await asyncio.sleep(pause)
            elif numbers.random() < 0.1:
                await asyncio.sleep(0)
            if not idle:
                self.unsent += 1
                await asyncio.sleep(0)
                continue
            task = asyncio.create_task(send(idle.popleft(), numbers.randrange(len(self.requests))))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        sent_in = time.perf_counter() - began
        await asyncio.gather(*tasks)
        for connection in idle:
            connection.close()
        return sent_in

    async def each(self, count: int, connections: int) -> float:
        left = iter(range(count))

        async def client() -> None:
            connection = await self.connect()
            for number in left:
                place = number % len(self.requests)
                while await self.one(connection, place, compare=True) == 429:
                    await asyncio.sleep(0.02)
            connection.close()

        began = time.perf_counter()
        await asyncio.gather(*(client() for _ in range(connections)))
        return time.perf_counter() - began

    async def until_end(self, connections: int) -> float:
        """Ask until the server refuses connections; a request without an answer is lost."""

        async def client(number: int) -> None:
            numbers = random.Random(number)
            while True:
                try:
                    connection = await self.connect()
                except OSError:
                    return
                try:
                    while connection.open:
                        place = numbers.randrange(len(self.requests))
                        await self.one(connection, place, compare=False)
                except ConnectionError:
                    self.lost += 1

        began = time.perf_counter()
        await asyncio.gather(*(client(number) for number in range(connections)))
        return time.perf_counter() - began

    def facts(self, seconds: float) -> dict[str, Any]:
        """Return what was found; latencies in milliseconds, of answers with status 200."""
        times = np.sort(np.array(self.seconds or [0.0])) * 1000
        found: dict[str, Any] = {
            "seconds": seconds,
            "requests": sum(self.statuses.values()),
            "statuses": {str(status): count for status, count in sorted(self.statuses.items())},
            "answers_per_second": self.statuses[200] / seconds,
            "lost": self.lost,
            "compared": self.compared,
            "swapped": self.swapped,
            "worst_difference": self.worst,
            "unsent": getattr(self, "unsent", 0),
        }
        for name, share in (("p50_ms", 0.5), ("p99_ms", 0.99)):
            found[name] = float(times[int(share * (len(times) - 1))])
        found["max_ms"] = float(times[-1])
        return found


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("port", type=int)
    parser.add_argument("path")
    parser.add_argument("material", type=Path)
    parser.add_argument("--json", action="store_true", help="images as base64 in JSON")
    asked = parser.parse_args()
    clients = Clients(asked.port, asked.path, asked.material, as_json=asked.json)
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        command = json.loads(line)
        clients.reset()
        work = getattr(clients, command.pop("do"))(**command)
        used = time.process_time()
        try:
            facts = clients.facts(asyncio.run(_within(work)))
        except (OSError, TimeoutError) as error:
            facts = {"error": repr(error), **clients.facts(1.0)}
        facts["client_cpu_seconds"] = time.process_time() - used
        print(json.dumps(facts), flush=True)
    return 0


def _as_json(content: bytes) -> bytes:
    return json.dumps({"image": base64.b64encode(content).decode()}).encode()


async def _within(work: Any) -> float:
    return await asyncio.wait_for(work, PATIENCE * 3)


if __name__ == "__main__":
    sys.exit(main())
