from __future__ import annotations

import errno
import json
import os
import subprocess
from pathlib import Path

import pytest

from convwise.errors import StorageError
from convwise.training.storage import (
    append_line,
    json_bytes,
    remove_leftovers,
    write_atomically,
    write_checksums,
)


def full(*arguments: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_file_is_written_and_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "some.bin"
    for content in (b"first", b"second, longer", b""):
        write_atomically(path, content)
        assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("broken", ["fsync", "replace"])
def test_on_a_full_disk_the_old_file_stands_and_nothing_else_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    path = tmp_path / "some.bin"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, broken, full)
    if broken == "replace":
        monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(StorageError) as caught:
        write_atomically(path, b"x" * 12_345)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
    message = str(caught.value)
    assert str(path) in message
    assert "12,345 bytes" in message
    assert "no space left" in message
    assert caught.value.exit_code == 1


def test_a_second_interrupt_while_writing_leaves_no_half_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "some.bin", b"content")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="no such file or directory"):
        write_atomically(tmp_path / "gone" / "some.bin", b"content")


def test_lines_are_added(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    append_line(path, "a")
    append_line(path, "ä")
    assert path.read_text(encoding="utf-8") == "a\nä\n"
    with pytest.raises(StorageError, match=r"cannot write .* \(2 bytes\)"):
        append_line(tmp_path, "a")


def test_json_refuses_what_is_no_number() -> None:
    assert json_bytes({"ä": [1, 0.5]}).decode().endswith("}\n")
    with pytest.raises(ValueError, match="JSON"):
        json_bytes({"loss": float("nan")})


def test_a_name_that_is_no_utf8_survives_json() -> None:
    name = os.fsdecode(b"caf\xe9")
    assert json.loads(json_bytes({"class": name})) == {"class": name}


def test_checksums_pass_sha256sum(tmp_path: Path) -> None:
    (tmp_path / "inside").mkdir()
    for name in ("a.bin", "inside/b c.bin", "empty"):
        (tmp_path / name).write_bytes(name.encode() * (name != "empty"))
    write_checksums(tmp_path)
    write_checksums(tmp_path)
    check = ["sha256sum", "--check", "--strict", "SHA256SUMS"]
    result = subprocess.run(check, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert result.stdout.splitlines() == ["a.bin: OK", "empty: OK", "inside/b c.bin: OK"]
    (tmp_path / "a.bin").write_bytes(b"changed")
    assert subprocess.run(check, cwd=tmp_path, capture_output=True, check=False).returncode == 1


def test_what_a_killed_write_left_aside_is_removed_and_nothing_else(tmp_path: Path) -> None:
    for name in (".run.json.0123abcd", ".hidden", "run.json", ".run.json.notours"):
        (tmp_path / name).touch()
    remove_leftovers(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        ".hidden",
        "run.json",
        ".run.json.notours",
    }
    remove_leftovers(tmp_path / "gone")
