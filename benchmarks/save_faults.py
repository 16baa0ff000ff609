"""Let the system's calls of a save fail, by strace: does the checkpoint before it load?

    python benchmarks/save_faults.py

The suite lets Python's functions fail (``tests/unit/training/test_save_faults.py``); here it is
the calls of the kernel, in a process that knows nothing of it. Each of a save's calls ends with
EIO, with ENOSPC, and with SIGKILL. It needs Debian's ``strace``, and the right to trace.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from measuring import write_json

from convwise.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint

RESULTS = Path(__file__).with_name("results") / "save_faults.json"
# Of so many bytes is nothing that a process writes before its save.
LARGE = 100_000
FAULTS = ("error=EIO", "error=ENOSPC", "signal=KILL")
SAVE = """
import sys
from pathlib import Path
import torch
from convwise.errors import StorageError
from convwise.training.checkpoint import Checkpoint, save_checkpoint
checkpoint = Checkpoint({"weights": torch.full((50_000,), 2.0)}, {"number": 2})
try:
    save_checkpoint(Path(sys.argv[1]), checkpoint)
except StorageError:
    sys.exit(3)
"""


def save_under(fault: str, call: str, at: int, folder: Path) -> int:
    """Save a second checkpoint while a call of the kernel fails; return the exit status."""
    inject = f"inject={call}:{fault}:when={at}"
    strace = ["strace", "--quiet=all", "--output=/dev/null", f"--trace={call}", "-e", inject]
    worker = [sys.executable, "-B", "-c", SAVE, str(folder)]
    return subprocess.run([*strace, *worker], check=False).returncode


def calls_of_a_save() -> list[tuple[str, int]]:
    """Return a save's calls in their order, with their number among the process's own.

    Of its two fsyncs, the second one is the folder's.
    """
    with tempfile.TemporaryDirectory(prefix="convwise-faults-") as name:
        trace = Path(name) / "trace.txt"
        strace = ["strace", "--quiet=all", f"--output={trace}", "--trace=write"]
        subprocess.run([*strace, sys.executable, "-B", "-c", SAVE, name], check=True)
        sizes = re.findall(r"^write\(.* (\d+)\) += ", trace.read_text(), re.MULTILINE)
    first = next(at for at, size in enumerate(sizes, start=1) if int(size) > LARGE)
    return [("write", first), ("fsync", 1), ("rename", 1), ("fsync", 2)]


def measure(fault: str, call: str, at: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="convwise-faults-") as name:
        folder = Path(name)
        save_checkpoint(folder, Checkpoint({"weights": torch.ones(50_000)}, {"number": 1}))
        status = save_under(fault, call, at, folder)
        found = load_checkpoint(folder)
        number = found.facts["number"]
        # Whatever stands there stands there whole.
        whole = bool((found.tensors["weights"] == number).all())
        expected = 2 if (call, at) == ("fsync", 2) else 1
        failed = status == 3 if fault.startswith("error") else status in (-9, 137)
        return {
            "call": f"{call} {at}",
            "fault": fault,
            "status": status,
            "loaded": number,
            "ok": whole and failed and number == expected,
        }


def main() -> None:
    if shutil.which("strace") is None:
        raise SystemExit("strace is not installed; on Debian: apt install strace")
    rows = [measure(fault, call, at) for call, at in calls_of_a_save() for fault in FAULTS]
    print(json.dumps(rows, indent=1))
    good = sum(row["ok"] for row in rows)
    write_json(RESULTS, {"faults": rows, "ok": good, "of": len(rows)})
    print(f"{good}/{len(rows)}: the checkpoint before the fault, or all of the new one, was loaded")
    sys.exit(good != len(rows))


if __name__ == "__main__":
    main()
