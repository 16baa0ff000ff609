from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from convwise.cli.main import run
from convwise.errors import OptionError
from convwise.lab.access import Access
from convwise.lab.server import PORT, bind


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "example.com"])
def test_a_public_address_needs_allow_remote(host: str) -> None:
    with pytest.raises(OptionError, match="--allow-remote"):
        bind(host)


def test_a_lab_beside_another_takes_the_next_port() -> None:
    first = bind()
    second = bind()
    try:
        assert first.listener.getsockname()[0] == "127.0.0.1"
        assert second.port > first.port >= PORT
        assert second.access.token != first.access.token
        assert second.access.cookie != first.access.cookie
        with pytest.raises(OptionError, match="perhaps by another lab"):
            bind(port=first.port)
    finally:
        first.listener.close()
        second.listener.close()


def test_a_remote_lab_answers_to_its_names_and_addresses_only() -> None:
    bound = bind("0.0.0.0", allow_remote=True)
    bound.listener.close()
    assert bound.access.knows_host("192.168.1.7:8760")
    assert not bound.access.knows_host("evil.example:8760")
    assert bound.access.token in bound.url


def test_a_local_lab_answers_to_no_address_but_loopback() -> None:
    access = Access("token", 8760)
    assert access.knows_host("[::1]:9000")
    assert not access.knows_host("192.168.1.7:8760")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--port", "0"], "between 1 and 65535"),
        (["--host", "0.0.0.0"], "--allow-remote"),
        (["--data", "nowhere"], "nowhere does not exist"),
    ],
)
def test_wrong_options_exit_2(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["lab", *arguments]) == 2
    assert words in capsys.readouterr().err


def test_a_file_is_no_folder_of_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert run(["lab", str(tmp_path / "file")]) == 2
    assert "is a file" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_prints_an_address_serves_and_ends_on_a_signal(
    tmp_path: Path, number: signal.Signals
) -> None:
    command = [sys.executable, "-m", "convwise", "lab", str(tmp_path), "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        told = json.loads(process.stdout.readline())
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(f"http://127.0.0.1:{told['port']}/design", timeout=30)
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        page = opener.open(told["url"], timeout=30).read()
        assert b"Design a network" in page
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
        assert (process.returncode, out, err) == (0, "", "")
    finally:
        process.kill()
        process.wait()
