"""More than a hundred ways to get into a lab without being let in; none may stop it."""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from served_lab import ServedLab

PAGES = ("/", "/design", "/train", "/explain", "/compare", "/study")
REQUESTS = (
    "/static/lab.css",
    "/report/style.css",
    "/report/design.js",
    "/api/compare/runs",
    "/api/study/studies",
    "/api/design/zoo/lenet",
)
SECRETS = (b"root:", b"def make_app", b"[project]", b"Content of a page")
NEAR = b"HTTP/1.1"


@dataclass(frozen=True)
class Probe:
    """One request as it goes over the wire.

    Args:
        what: is tried.
        lines: the request line and the headers; ``{port}``, ``{cookie}`` and ``{token}`` are
            filled in.
        body: sent after them.
        pause: seconds between two bytes of the body.
    """

    what: str
    lines: Sequence[str]
    body: bytes = b""
    pause: float = 0.0


def get(path: str, *headers: str, host: str = "127.0.0.1:{port}", cookie: str = "{cookie}") -> list:
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}", *headers, "Connection: close"]
    return lines + ([f"Cookie: {cookie}"] if cookie else [])


def post(path: str, *headers: str, origin: str | None = "http://127.0.0.1:{port}") -> list:
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1:{port}", "Cookie: {cookie}", *headers]
    return lines + ([f"Origin: {origin}"] if origin is not None else [])


HOSTS = (
    "evil.example",
    "evil.example:{port}",
    "localhost.evil.example",
    "127.0.0.1.nip.io:{port}",
    "0.0.0.0:{port}",
    "[::]:{port}",
    "192.168.1.7",
    "10.0.0.1:{port}",
    "127.1:{port}",
    "2130706433",
    "0x7f000001",
    "localhost@evil.example",
    "evil.example@localhost",
    "[::1].evil.example",
    "localhost:evil.example",
    "localhost:{port}:1",
    "lo calhost",
    "localhost/../",
    "xn--lcalhost-xjc",
    "-",
)
ORIGINS = (
    "null",
    "http://evil.example",
    "https://evil.example:{port}",
    "http://localhost:{port}",
    "http://127.0.0.1",
    "http://127.0.0.1:1",
    "http://127.0.0.1:{port}.evil.example",
    "http://127.0.0.1:{port}/",
    "http://127.0.0.1:{port}@evil.example",
    "file://",
    "chrome-extension://abcdef",
    "HTTP://127.0.0.1:{port}",
    "",
)
COOKIES = (
    "",
    "convwise-lab-{port}=",
    "convwise-lab-{port}=wrong",
    "convwise-lab-{port}={token}x",
    "convwise-lab-{port}=x{token}",
    "convwise-lab-1={token}",
    "convwise-lab={token}",
    "token={token}",
    "convwise-lab-{port}='{token}'",
    "convwise-lab-{port}=null",
    "convwise-lab-{port}=%00",
    "; = ;",
    "convwise-lab-{port}=" + "a" * 4000,
)
WITHOUT_COOKIE = (
    "/?token=",
    "/?token=wrong",
    "/?token={token}x",
    "/?token={token}&token={token}",
    "/?TOKEN={token}",
    "/design?token={token}",
    "/api/compare/runs?token={token}",
    "//?token={token}",
    "/static/lab.css?token={token}",
)
PATHS = (
    "/static/../app.py",
    "/static/%2e%2e/app.py",
    "/static/..%2fapp.py",
    "/static/..%5capp.py",
    "/static/%2e%2e%2f%2e%2e%2f%2e%2e%2f%2e%2e%2f%2e%2e%2f%2e%2e%2fetc/passwd",
    "/static//etc/passwd",
    "/static/%00",
    "/static/lab.css%00.png",
    "/static/",
    "/report/../templates/run.html.j2",
    "/report/..%2f..%2fpage_writer.py",
    "/report/run.html.j2",
    "/report/page_writer.py",
    "/api/design/zoo/..%2f..%2fetc%2fpasswd",
    "/api/design/bench/learned/..%2f..%2fetc",
    "/api/design/bench/learned/%2fetc",
    "/api/study/of/..",
    "/api/study/of/%2fetc%2fpasswd",
    "/../../../../etc/passwd",
    "/%2e%2e/%2e%2e/etc/passwd",
    "/docs",
    "/openapi.json",
)
JSON = "Content-Type: application/json"


def probes() -> list[Probe]:
    found = [Probe(f"host {host!r}", get("/design", host=host)) for host in HOSTS]
    found.append(Probe("no host", ["GET /design HTTP/1.1", "Cookie: {cookie}"]))
    found.append(Probe("two hosts", get("/design", "Host: evil.example")))
    for origin in ORIGINS:
        found.append(Probe(f"get from {origin!r}", get("/api/compare/runs", f"Origin: {origin}")))
        empty = post("/api/design/plan", JSON, "Content-Length: 2", origin=origin)
        found.append(Probe(f"post from {origin!r}", empty, b"{}"))
    found.append(Probe("post of nobody", post("/api/design/plan", origin=None)))
    for site in ("cross-site", "same-site"):
        lines = get("/static/design.js", f"Sec-Fetch-Site: {site}", "Sec-Fetch-Mode: no-cors")
        found.append(Probe(f"script from {site}", lines))
    for path in (*PAGES, *REQUESTS):
        found.append(Probe(f"{path} without a token", get(path, cookie="")))
    found += [Probe(f"cookie {cookie!r}", get("/design", cookie=cookie)) for cookie in COOKIES]
    found += [Probe(f"{path} without a cookie", get(path, cookie="")) for path in WITHOUT_COOKIE]
    found.append(
        Probe("token as a header", get("/design", "Authorization: Bearer {token}", cookie=""))
    )
    found += [Probe(f"path {path}", get(path)) for path in PATHS]
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "BREW"):
        lines = [f"{method} /design HTTP/1.1", *post("/")[1:], "Content-Length: 0"]
        found.append(Probe(f"method {method}", lines))
    return [*found, *large_ones(), *slow_ones(), *broken_ones()]


def large_ones() -> list[Probe]:
    bench = "/api/design/bench/picture"
    return [
        Probe("states a gigabyte", post(bench, "Content-Length: 1000000000")),
        Probe("sends too much", post(bench, "Content-Length: 2500000"), b"x" * 2_500_000),
        Probe("sends endlessly", post(bench, "Transfer-Encoding: chunked"), chunks(40, 65_536)),
        Probe("states less than nothing", post(bench, "Content-Length: -1"), b"x"),
        Probe("states words", post(bench, "Content-Length: many"), b"x"),
        Probe("states two lengths", post(bench, "Content-Length: 1", "Content-Length: 2"), b"xx"),
        Probe("a long header", get("/design", f"X-Long: {'a' * 200_000}")),
        Probe("a long path", get("/" + "a" * 200_000)),
        Probe("many headers", get("/design", *(f"X-{n}: {'a' * 100}" for n in range(2_000)))),
        Probe("no picture", post(bench, "Content-Length: 4"), b"none"),
        Probe("deep JSON", post("/api/design/plan", JSON, "Content-Length: 100000"),
              b"[" * 100_000),
        Probe("an id that is a path", post("/api/compare/of", JSON, "Content-Length: 17"),
              b'{"runs":["/etc"]}'),
        Probe("an id that climbs", post("/api/compare/of", JSON, "Content-Length: 18"),
              b'{"runs":["../.."]}'),
    ]  # fmt: skip


def slow_ones() -> list[Probe]:
    bench = "/api/design/bench/picture"
    return [
        Probe("a slow body", post(bench, "Content-Length: 1000"), b"x" * 60, pause=0.05),
        Probe("a body that stops", post(bench, "Content-Length: 1000"), b"x"),
        Probe("a chunk that stops", post(bench, "Transfer-Encoding: chunked"), b"5\r\nab"),
        Probe("a slow body of nobody", ["POST / HTTP/1.1", "Host: 127.0.0.1:{port}",
              "Content-Length: 1000"], b"x" * 5, pause=0.05),
    ]  # fmt: skip


def broken_ones() -> list[Probe]:
    return [
        Probe("noise", ["\x00\x01\x02\x03"]),
        Probe("another protocol", ["SSH-2.0-OpenSSH_9.2"]),
        Probe("an old protocol", ["GET /design"]),
        Probe("a proxy's request", ["GET http://evil.example/ HTTP/1.1", "Host: evil.example"]),
        Probe("a split header", get("/design%0d%0aSet-Cookie:%20a=b", cookie="")),
        Probe("a websocket", get("/design", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
              "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", cookie="")),
        Probe("smuggling", post("/api/design/plan", "Content-Length: 4",
              "Transfer-Encoding: chunked", origin="http://evil.example"),
              b"0\r\n\r\nGET / HTTP/1.1"),
    ]  # fmt: skip


def chunks(number: int, size: int) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (size, b"x" * size) for _ in range(number)) + b"0\r\n\r\n"


def ask(probe: Probe, live: ServedLab) -> bytes:
    """Send a probe and return all that comes back."""
    text = "\r\n".join(probe.lines) + "\r\n\r\n"
    for name in ("port", "cookie", "token"):
        text = text.replace(f"{{{name}}}", str(getattr(live, name)))
    with socket.create_connection(("127.0.0.1", live.port), timeout=8) as wire:
        answer = b""
        try:
            wire.sendall(text.encode("latin-1"))
            for place in range(0, len(probe.body), 1 if probe.pause else 65_536):
                wire.sendall(probe.body[place : place + (1 if probe.pause else 65_536)])
                time.sleep(probe.pause)
        except OSError:
            pass  # the lab had enough
        try:
            while part := wire.recv(65_536):
                answer += part
        except OSError:
            pass
        return answer


def status_of(answer: bytes) -> int:
    """Return the status, or 0 where the lab only hung up."""
    return int(answer.split(b" ", 2)[1]) if answer.startswith(NEAR) else 0


@pytest.fixture(scope="module")
def answers(live: ServedLab) -> dict[str, bytes]:
    made = probes()
    assert len({probe.what for probe in made}) == len(made) > 100
    with ThreadPoolExecutor(16) as pool:
        told = list(pool.map(lambda probe: ask(probe, live), made))
    return {probe.what: answer for probe, answer in zip(made, told, strict=True)}


def test_none_of_the_probes_gets_in(answers: dict[str, bytes]) -> None:
    let_in = {what: answer[:200] for what, answer in answers.items() if 0 < status_of(answer) < 400}
    assert let_in == {}


def test_no_answer_tells_a_secret(answers: dict[str, bytes], live: ServedLab) -> None:
    token = live.token.encode()
    for what, answer in answers.items():
        assert token not in answer, what
        assert not [secret for secret in SECRETS if secret in answer], what


@pytest.mark.parametrize(
    ("what", "status"),
    [
        ("states a gigabyte", 413),
        ("sends endlessly", 413),
        ("a body that stops", 408),
        ("a slow body", 408),
        ("host 'evil.example'", 421),
        ("get from 'null'", 403),
        ("/api/compare/runs without a token", 403),
    ],
)
def test_a_refusal_says_why(answers: dict[str, bytes], what: str, status: int) -> None:
    assert status_of(answers[what]) == status
    assert answers[what].partition(b"\r\n\r\n")[2]


def test_the_lab_still_answers_its_user(answers: dict[str, bytes], live: ServedLab) -> None:
    answer = ask(Probe("the user", get("/design")), live)
    assert status_of(answer) == 200
    assert b"Design a network" in answer


def test_connections_that_say_nothing_do_not_keep_others_out(live: ServedLab) -> None:
    port = live.port
    silent = [socket.create_connection(("127.0.0.1", port), timeout=5) for _ in range(60)]
    try:
        answer = ask(Probe("the user", get("/design")), live)
    finally:
        for wire in silent:
            wire.close()
    assert status_of(answer) == 200
