"""Stands for ``convwise``: writes the folder of a run or study, and heeds SIGINT."""

from __future__ import annotations

import json
import signal
import sys
import time
from pathlib import Path


def main(words: list[str]) -> int:
    if "fail" in words:
        print("convwise: fail: no such data set; choose another one", file=sys.stderr)
        return 2
    run = Path(words[words.index("--out") + 1] if "--out" in words else words[1])
    run.mkdir(parents=True, exist_ok=True)
    stopped: list[int] = []
    signal.signal(signal.SIGINT, lambda number, frame: stopped.append(number))
    print("training", *words, flush=True)
    file = run / ("study.json" if words[0] == "study" else "run.json")
    write(file, "running")
    end = time.monotonic() + (0.0 if words[0] == "resume" else float(seconds(words)))
    while time.monotonic() < end and not stopped:
        time.sleep(0.01)
    write(file, "interrupted" if stopped else "finished")
    return 130 if stopped else 0


def seconds(words: list[str]) -> str:
    return words[words.index("--seconds") + 1] if "--seconds" in words else "60"


def write(file: Path, status: str) -> None:
    facts = {"status": status, "network": {"name": "lenet"}, "data": {"name": "bars"}}
    file.write_text(json.dumps(facts))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
