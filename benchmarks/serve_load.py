"""How much does the server answer, how fast, and what when it is too much?

    python benchmarks/serve_load.py --rounds 3 --seconds 60

The server, 64 clients and nothing else on two cores, beside the same work in one process and beside
LitServe. README.md beside this file says what is measured, and what is not.
"""

from __future__ import annotations

import argparse
import datetime
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from measuring import limit_cores, paired_ratios, run_worker, spread, write_json
from peers import default_folder
from serve_cells import Bench, ask_each, drains, half_load, overload, swaps
from serve_material import KINDS, TITLES, nearest, write_material
from serve_tables import serve_tables

from convwise.data.cores import usable_cores
from convwise.training.machine import machine_facts, package_versions

HERE = Path(__file__).resolve().parent
OURS, PEER, PLAIN = "convwise", "litserve", "in process"
CLIENTS = 64

Facts = dict[str, Any]
Tell = Callable[[str], None]


def main() -> int:
    asked = _read_arguments()
    limit_cores(asked.threads)
    facts = _facts(asked)

    def keep(**more: Any) -> None:
        facts.update(more)
        write_json(asked.out, facts)

    with tempfile.TemporaryDirectory(prefix="convwise-serve-") as name:
        bench = Bench(Path(name), asked.peers, asked.seconds)
        for kind in KINDS:
            bench.material[kind] = write_material(kind, Path(name))
        facts["apart"] = {
            kind: nearest(np.load(material)["answers"])
            for kind, (_, material) in bench.material.items()
        }
        rounds = _throughput(bench, asked, _tell)
        keep(rounds=rounds, throughput=_throughput_rows(rounds))
        by_kind: dict[str, dict[str, Facts]] = {"half_load": {}, "overload": {}, "each": {}}
        for kind in KINDS:
            rate = _median(facts["throughput"], kind, OURS)
            by_kind["half_load"][kind] = half_load(bench, kind, rate / 2)
            by_kind["overload"][kind] = overload(bench, kind, rate)
            by_kind["each"][kind] = ask_each(bench, kind, asked.answers)
            _tell(f"{kind}: load, overload and answers one by one")
            keep(**by_kind)
        keep(drains=drains(bench, "png", asked.drains, _tell))
        keep(swaps=swaps(bench, "png", asked.swaps, _tell))
    keep(complete=True)
    print(serve_tables(facts))
    return 0


def _throughput(bench: Bench, asked: argparse.Namespace, tell: Tell) -> list[Facts]:
    """Let everyone answer in turns; return a row for each round, kind and contender."""
    found = []
    for number in range(asked.rounds):
        for kind in KINDS:
            for contender in asked.contenders:
                if contender == PLAIN:
                    row = _in_process(bench, kind)
                else:
                    row = bench.closed(contender, kind, CLIENTS)
                found.append({"round": number, "kind": kind, "contender": contender, **row})
                speed = row.get("images_per_second", row.get("error"))
                tell(f"round {number + 1}, {kind}, {contender}: {speed}")
    return found


def _in_process(bench: Bench, kind: str) -> Facts:
    model, material = bench.material[kind]
    command = [sys.executable, str(HERE / "serve_in_process.py"), str(model), str(material)]
    seconds = min(bench.seconds, 20.0)
    return run_worker([*command, "--seconds", f"{seconds:g}"], os.environ, seconds + 120)


def _throughput_rows(rounds: list[Facts]) -> list[Facts]:
    rows = []
    groups = dict.fromkeys((each["kind"], each["contender"]) for each in rounds)
    for kind, contender in groups:
        own = [each for each in rounds if (each["kind"], each["contender"]) == (kind, contender)]
        good = {each["round"]: each["images_per_second"] for each in own if "error" not in each}
        row: Facts = {"kind": kind, "contender": contender, "n": len(good)}
        if not good:
            rows.append(row | {"error": own[0]["error"]})
            continue
        row["images_per_second"] = spread(list(good.values()))
        for name in ("p50_ms", "p99_ms", "client_cpu_share", "peak_bytes"):
            values = [each[name] for each in own if name in each]
            row |= {name: spread(values)} if values else {}
        for other in (PLAIN, PEER):
            theirs = {
                each["round"]: each["images_per_second"]
                for each in rounds
                if (each["kind"], each["contender"]) == (kind, other) and "error" not in each
            }
            ratios = paired_ratios(good, theirs)
            if contender == OURS and ratios:
                row[f"times_{other.replace(' ', '_')}"] = spread(ratios)
        rows.append(row)
    return rows


def _median(rows: list[Facts], kind: str, contender: str) -> float:
    row = next(each for each in rows if (each["kind"], each["contender"]) == (kind, contender))
    return float(row["images_per_second"]["median"])


def _tell(news: str) -> None:
    print(news, file=sys.stderr, flush=True)


def _facts(asked: argparse.Namespace) -> Facts:
    command = ["python", "benchmarks/serve_load.py", "--rounds", str(asked.rounds)]
    command += ["--seconds", f"{asked.seconds:g}", *["--quick"] * asked.quick]
    return {
        "benchmark": "serve_load",
        "complete": False,
        "quick": asked.quick,
        "command": " ".join(command),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": machine_facts()
        | {"threads": asked.threads, "load_average_before": round(os.getloadavg()[0], 2)},
        "versions": package_versions() | _versions_of_serving(),
        "clients": f"{CLIENTS} on loopback, in one process, on the same cores as the server",
        "kinds": TITLES,
        "seconds": asked.seconds,
    }


def _versions_of_serving() -> dict[str, str]:
    from importlib.metadata import version

    names = ("fastapi", "starlette", "uvicorn", "httptools", "uvloop")
    return {name: version(name) for name in names}


def _read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add = parser.add_argument
    contenders = [PLAIN, OURS, PEER]
    add("--quick", action="store_true", help="short measurements: a trial")
    add("--rounds", type=int, help="how often everyone is measured (3; a trial: 1)")
    add("--seconds", type=float, help="that clients ask for (60; a trial: 3)")
    add("--answers", type=int, help="compared one by one, of each kind (10,000; a trial: 1,000)")
    add("--drains", type=int, help="stops under load (100; a trial: 3)")
    add("--swaps", type=int, help="models replaced under load (50; a trial: 4)")
    add("--threads", type=int, default=min(2, usable_cores()), help="cores, for all together")
    add("--contenders", nargs="+", choices=contenders, default=contenders)
    add("--peers", type=Path, default=default_folder(), help="environments' folder")
    add("--out", type=Path, help="JSON file; a trial has one of its own")
    asked = parser.parse_args()
    usual = {"rounds": (3, 1), "seconds": (60.0, 3.0), "answers": (10_000, 1_000)}
    for name, values in (usual | {"drains": (100, 3), "swaps": (50, 4)}).items():
        if getattr(asked, name) is None:
            setattr(asked, name, values[asked.quick])
    if asked.out is None:
        asked.out = HERE / "results" / f"serve_load{'.quick' * asked.quick}.json"
    asked.peers = asked.peers.expanduser().absolute()
    return asked


if __name__ == "__main__":
    sys.exit(main())
