from __future__ import annotations

import http.client
import socket
import time
from pathlib import Path

import pytest

from convwise.serve import server as server_module
from serving import Running, file_of, picture, running, write_model


def wait_until_nobody_listens(port: int) -> None:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except ConnectionRefusedError:
            return
        time.sleep(0.01)
    raise AssertionError("somebody still listens")


def asked(connection: http.client.HTTPConnection) -> http.client.HTTPResponse:
    connection.request("POST", "/predict", file_of(picture(1)))
    answer = connection.getresponse()
    answer.read()
    return answer


def kept(server: Running) -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.connect()
    return connection


def test_who_was_connected_is_answered_once_more_and_nobody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "FAREWELL_SECONDS", 30.0)
    with running({"m": write_model(tmp_path / "m.safetensors")}) as server:
        silent, busy = kept(server), kept(server)
        assert asked(busy).getheader("connection") != "close"
        server.stop()
        wait_until_nobody_listens(server.port)
        for connection in (silent, busy):
            answer = asked(connection)
            assert (answer.status, answer.getheader("connection")) == (200, "close")
        server.thread.join(20)
        assert not server.thread.is_alive()


def test_a_connection_on_which_nothing_comes_does_not_keep_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "FAREWELL_SECONDS", 0.05)
    with running({"m": write_model(tmp_path / "m.safetensors")}) as server:
        silent = kept(server)
        server.stop()
        server.thread.join(20)
        assert not server.thread.is_alive()
        silent.close()
