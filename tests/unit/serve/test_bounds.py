"""What hostile, slow and uninvited clients get."""

from __future__ import annotations

import dataclasses
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from convwise.errors import OptionError
from convwise.serve import protocol
from convwise.serve.limits import Limits
from convwise.serve.settings import Settings
from serving import MULTIPART, Running, everything, file_of, multipart, picture, running

TOKEN = "correct-horse-battery-staple"
HEAD = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n"


@pytest.fixture(scope="module")
def strict(model_file: Path) -> Iterator[Running]:
    """A server that waits for nobody, and takes little."""
    limits = Limits(receive_seconds=0.4, body_bytes=50_000, header_bytes=4_096, connections=24)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(protocol, "GRACE_SECONDS", 0.3)
        with running({"small": model_file}, limits=limits) as found:
            yield found


def still_answers(server: Running) -> bool:
    return server.send(file_of(picture(1)))[0] == 200


def test_a_body_above_the_limit_is_refused_by_its_stated_length(strict: Running) -> None:
    answer = strict.raw(HEAD + b"Content-Length: 50001\r\n\r\n" + b"x" * 1_000)
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"50,000 bytes" in answer


def test_a_body_above_the_limit_is_refused_while_it_comes(strict: Running) -> None:
    chunk = b"2000\r\n" + b"x" * 0x2000 + b"\r\n"
    answer = strict.raw(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 9)
    assert answer.startswith(b"HTTP/1.1 413")
    assert still_answers(strict)


def test_a_body_that_does_not_come_is_a_408_and_the_end_of_the_connection(
    strict: Running,
) -> None:
    answer = strict.raw(HEAD + b"Content-Length: 100\r\n\r\n" + b"x")
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"connection: close" in answer.lower()


def test_a_body_that_drips_is_a_408_too(strict: Running) -> None:
    with socket.create_connection(("127.0.0.1", strict.port), timeout=10) as connection:
        connection.sendall(HEAD + b"Content-Length: 1000\r\n\r\n")
        for _ in range(5):
            connection.sendall(b"x")
            time.sleep(0.05)
        assert everything(connection).startswith(b"HTTP/1.1 408")


@pytest.mark.parametrize("start", [b"", b"POST /pre", HEAD, b"GET /live HTTP/1.1\r\nHost: local"])
def test_headers_that_do_not_come_end_the_connection(strict: Running, start: bytes) -> None:
    began = time.monotonic()
    assert strict.raw(start) == b""
    assert time.monotonic() - began < 8


def test_headers_without_end_are_refused(strict: Running) -> None:
    endless = b"GET /live HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * 9_000
    with socket.create_connection(("127.0.0.1", strict.port), timeout=10) as connection:
        connection.sendall(endless[:3_000])
        time.sleep(0.05)
        connection.sendall(endless[3_000:])
        assert everything(connection).startswith(b"HTTP/1.1 431")
    assert still_answers(strict)


def test_more_connections_than_allowed_are_closed_and_the_others_kept(strict: Running) -> None:
    opened = []
    try:
        for _ in range(40):
            connection = socket.create_connection(("127.0.0.1", strict.port), timeout=5)
            opened.append(connection)
        time.sleep(0.1)
        assert len(strict.server.server_state.connections) <= 24
        opened[0].sendall(b"GET /live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert b"200 OK" in everything(opened[0])
    finally:
        for connection in opened:
            connection.close()
    time.sleep(0.1)
    assert still_answers(strict)


def test_a_client_that_leaves_amid_its_body_leaves_nothing_behind(strict: Running) -> None:
    with socket.create_connection(("127.0.0.1", strict.port), timeout=5) as connection:
        connection.sendall(HEAD + b"Content-Length: 1000\r\n\r\n" + b"x" * 500)
        time.sleep(0.05)
    time.sleep(0.05)
    assert still_answers(strict)
    assert strict.server.service.admission.bytes == 0


@given(content=st.binary(max_size=3_000))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_bytes_of_any_kind_are_answered_and_never_by_a_500(server: Running, content: bytes) -> None:
    status, told, _ = server.send(content)
    assert status in (400, 422)
    assert told
    status, _, _ = server.send(content, content_type=MULTIPART)
    assert status == 400
    status, _, _ = server.send(multipart([("a.png", content)]), content_type=MULTIPART)
    assert status == 422


@given(place=st.integers(0, 10_000), byte=st.integers(0, 255), cut=st.booleans())
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_damaged_request_never_ends_the_server(
    server: Running, place: int, byte: int, cut: bool
) -> None:
    whole = HEAD + b"Content-Length: 60\r\nConnection: close\r\n\r\n" + file_of(picture(1))[:60]
    place %= len(whole)
    damaged = whole[:place] if cut else whole[:place] + bytes([byte]) + whole[place + 1 :]
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(damaged)
        connection.shutdown(socket.SHUT_WR)
        answer = everything(connection)
    assert b" 500 " not in answer[:20]
    assert server.get("/live")[0] == 200


@pytest.mark.parametrize("body", [b'{"url": "http://127.0.0.1:1/a.png"}', b"file:///etc/passwd"])
def test_nothing_is_fetched(server: Running, body: bytes) -> None:
    status, told, _ = server.send(body, content_type="application/json")
    assert status == 415
    assert "URLs are not fetched" in told["error"]
    assert server.send(body)[0] == 422


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("?top=0", "top"),
        ("?top=x", "top"),
        ("?top=99999999999999999999999", "top"),
        ("?explain=lime", "explain"),
        ("?model=" + "x" * 300, "model"),
        ("?" + "&a=b" * 20, "the query"),
        ("?top=%C2%B2", "top"),
    ],
)
def test_a_query_that_is_not_understood_is_a_400(server: Running, query: str, words: str) -> None:
    status, told, _ = server.send(b"x", query)
    assert status == 400
    assert told["error"].startswith(words)


def test_a_model_that_is_not_there_is_a_404_whatever_its_name_holds(server: Running) -> None:
    for name in ("nothing", "%ED%A0%80", "..%2F..%2Fetc", "%00"):
        status, told, _ = server.send(b"x", f"?model={name}")
        assert status == 404
        assert "no model" in told["error"]


def test_a_token_is_needed_for_all_that_tells_of_a_model(model_file: Path) -> None:
    content = file_of(picture(1))
    with running({"small": model_file}, token=TOKEN) as guarded:
        for given_header in (
            {},
            {"Authorization": TOKEN},
            {"Authorization": f"Basic {TOKEN}"},
            {"Authorization": f"Bearer {TOKEN[:-1]}"},
            {"Authorization": f"Bearer {TOKEN}x"},
            {"Authorization": "Bearer ü".encode().decode("latin-1")},
        ):
            status, told, headers = guarded.send(content, **given_header)
            assert status == 401
            assert headers["www-authenticate"] == "Bearer"
            assert "Authorization: Bearer TOKEN" in told["error"]
        right = {"Authorization": f"Bearer {TOKEN}"}
        for path in ("/model", "/metrics"):
            assert guarded.get(path)[0] == 401
            assert guarded.get(path, **right)[0] == 200
        assert guarded.send(content, Host="anything.example", **right)[0] == 200
        for path in ("/live", "/ready", "/", "/openapi.json"):
            assert guarded.get(path)[0] == 200
        document = guarded.get("/openapi.json")[1]
        assert document["paths"]["/predict"]["post"]["security"] == [{"token": []}]


def test_a_request_under_a_strange_name_is_refused_where_there_is_no_token(
    server: Running,
) -> None:
    for host in ("evil.example", "127.0.0.1.evil.example:80", "localhost.evil"):
        status, told, _ = server.get("/live", Host=host)
        assert status == 403
        assert "localhost" in told["error"]
    for host in ("localhost", "LOCALHOST:80", "127.0.0.2:9", "[::1]:8000"):
        assert server.get("/live", Host=host)[0] == 200


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"host": "0.0.0.0"}, "--token"),
        ({"host": "::"}, "--token"),
        ({"host": "example.org"}, "--token"),
        ({"token": "short"}, "too short"),
        ({"token": "with a space in the middle"}, "ASCII"),
        ({"token": "ü" * 20}, "ASCII"),
        ({"port": 70_000}, "--port"),
        ({"decoders": 0}, "--decoders"),
        ({"models": {}}, "no model"),
    ],
)
def test_settings_that_would_be_wrong_are_refused(change: dict, words: str) -> None:
    plain = Settings({"a": Path("a")})
    with pytest.raises(OptionError, match=words):
        dataclasses.replace(plain, **change)
    with pytest.raises(OptionError, match="queue"):
        Limits(queue=0)
