from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from convwise.errors import OptionError, StorageError
from convwise.training.lock import FILE_NAME, RunLock

HOLD = """
import sys
from pathlib import Path
from convwise.training.lock import RunLock
held = RunLock(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_one_at_a_time(tmp_path: Path) -> None:
    held = RunLock(tmp_path)
    assert json.loads((tmp_path / FILE_NAME).read_text()) == {"pid": os.getpid()}
    with pytest.raises(OptionError, match=f"is being written by process {os.getpid()};"):
        RunLock(tmp_path)
    held.release()
    assert list(tmp_path.iterdir()) == []
    RunLock(tmp_path).release()


def test_another_process_is_named_and_its_lock_ends_with_it(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(OptionError, match=f"process {process.pid};"):
            RunLock(tmp_path)
        process.kill()
    assert (tmp_path / FILE_NAME).exists()
    RunLock(tmp_path).release()


@pytest.mark.parametrize("content", ["", "no json", '{"pid": 999999999}', "[]"])
def test_a_stale_lock_is_taken_over_whatever_it_says(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE_NAME).write_text(content)
    held = RunLock(tmp_path)
    assert json.loads((tmp_path / FILE_NAME).read_text()) == {"pid": os.getpid()}
    held.release()


def test_a_folder_that_cannot_be_locked_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="no such file"):
        RunLock(tmp_path / "gone")
