"""Every call of a save fails in turn: the checkpoint before it always loads."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from convwise.errors import StorageError
from convwise.training import storage
from convwise.training.checkpoint import FILE_NAME, Checkpoint, load_checkpoint, save_checkpoint

CALLS = ("open", "write", "fsync", "replace", "close")


def numbered(number: int) -> Checkpoint:
    return Checkpoint({"weights": torch.full((500,), float(number))}, {"number": number})


def numbers(folder: Path) -> tuple[int, float]:
    """Return what a checkpoint says and what it holds."""
    found = load_checkpoint(folder)
    return found.facts["number"], float(found.tensors["weights"].mean())


class Failing:
    """Lets the n-th call of a save go wrong; 0 lets none."""

    def __init__(self, at: int, fail: Callable[[], None]) -> None:
        self.at, self.fail, self.names = at, fail, list[str]()

    def install(self, patch: pytest.MonkeyPatch) -> None:
        for name in CALLS:
            patch.setattr(os, name, self._wrapped(name, getattr(os, name)))

    def _wrapped(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            if sys._getframe(1).f_code.co_filename != storage.__file__:
                return real(*arguments, **options)
            self.names.append(name)
            if len(self.names) == self.at:
                if name == "write":
                    real(arguments[0], bytes(arguments[1])[:100])
                if name == "close":
                    real(*arguments)
                self.fail()
            return real(*arguments, **options)

        return call


def raising(number: int) -> Callable[[], None]:
    def fail() -> None:
        raise OSError(number, os.strerror(number))

    return fail


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_checkpoint(tmp_path, numbered(1))
    return tmp_path


def calls_of_a_save(folder: Path) -> list[str]:
    with pytest.MonkeyPatch.context() as patch:
        counting = Failing(0, kill)
        counting.install(patch)
        save_checkpoint(folder, numbered(1))
    return counting.names


def test_a_save_flushes_the_file_before_it_is_renamed_and_the_folder_after(folder: Path) -> None:
    assert calls_of_a_save(folder) == [
        *("open", "write", "fsync", "close", "replace", "open", "fsync", "close")
    ]


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC], ids=errno.errorcode.get)
def test_a_call_that_fails_leaves_the_checkpoint_before_or_all_of_the_new_one(
    number: int, folder: Path
) -> None:
    names = calls_of_a_save(folder)
    for at in range(1, len(names) + 1):
        save_checkpoint(folder, numbered(1))
        with pytest.MonkeyPatch.context() as patch:
            Failing(at, raising(number)).install(patch)
            with pytest.raises(StorageError, match=rf"{FILE_NAME} \([0-9,]+ bytes\)"):
                save_checkpoint(folder, numbered(2))
        renamed = "replace" in names[: at - 1]
        assert numbers(folder) == ((2, 2.0) if renamed else (1, 1.0)), names[at - 1]
        assert [path.name for path in folder.iterdir()] == [FILE_NAME]
    save_checkpoint(folder, numbered(3))
    assert numbers(folder) == (3, 3.0)


def test_a_kill_at_any_call_leaves_the_checkpoint_before_or_all_of_the_new_one(
    folder: Path,
) -> None:
    names = calls_of_a_save(folder)
    for at in range(1, len(names) + 1):
        save_checkpoint(folder, numbered(1))
        process = os.fork()
        if process == 0:
            Failing(at, kill).install(pytest.MonkeyPatch())
            save_checkpoint(folder, numbered(2))
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == -signal.SIGKILL
        renamed = "replace" in names[: at - 1]
        assert numbers(folder) == ((2, 2.0) if renamed else (1, 1.0)), names[at - 1]
        storage.remove_leftovers(folder)
        assert [path.name for path in folder.iterdir()] == [FILE_NAME]


# In a mount namespace of its own, so that nothing stays mounted whatever happens.
FULL_DISKS = """
import json, subprocess, sys
from pathlib import Path
import torch
from convwise.errors import StorageError
from convwise.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint

disk, found = Path(sys.argv[1]), []
for number in range(32):
    size = 65_536 + 8_192 * number
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "disk", disk], check=True)
    kept, message = 0, ""
    while not message:
        tensors = {"weights": torch.full((1_000 * (kept + 1),), float(kept + 1))}
        try:
            save_checkpoint(disk, Checkpoint(tensors, {"number": kept + 1}))
            kept += 1
        except StorageError as error:
            message = str(error)
    last = load_checkpoint(disk)
    good = last.facts["number"] == kept and bool((last.tensors["weights"] == kept).all())
    names = [path.name for path in disk.iterdir()]
    found.append({"size": size, "kept": kept, "good": good, "message": message, "names": names})
    del last, tensors
    subprocess.run(["umount", disk], check=True)
print(json.dumps(found))
"""


def test_a_disk_that_gets_full_keeps_the_last_good_checkpoint(tmp_path: Path) -> None:
    own = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--map-root-user"]
    if shutil.which("unshare") is None or subprocess.run([*own, "true"], check=False).returncode:
        pytest.skip("a small disk needs the right to mount one")
    command = [*own, sys.executable, "-c", FULL_DISKS, str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    disks = json.loads(result.stdout)
    assert len(disks) == 32
    for disk in disks:
        assert disk["good"], disk
        assert disk["kept"] > 0
        assert disk["names"] == [FILE_NAME]
        assert f"cannot write {tmp_path / FILE_NAME} (" in disk["message"]
        assert "bytes): no space left on device" in disk["message"]
    assert disks[-1]["kept"] > disks[0]["kept"]
