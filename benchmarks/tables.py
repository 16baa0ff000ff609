"""The tables of docs/performance.md, from the JSON files of the benchmarks.

python benchmarks/tables.py                # of every file in results/
python benchmarks/tables.py FILE …
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from overhead_tables import overhead_tables
from results import OURS, figure
from serve_tables import serve_tables

HERE = Path(__file__).resolve().parent

Facts = dict[str, Any]

TITLES = {
    "convwise": "convwise",
    "keras-tf-fp32": "Keras on TensorFlow",
    "keras-tf-bf16": "the same, mixed_bfloat16",
    "keras-torch": "Keras on torch",
    "torch-fp32": "PyTorch, as its tutorials",
    "torch-bf16": "PyTorch, bf16 channels_last",
    "convwise-bf16": 'convwise, precision="bf16"',
}
# Times the best peer in any precision, and times the best peer's default.
GOALS = {"keras-convnet": (3.0, 5.0)}
OTHER_GOALS, AVX2_GOALS = (2.5, 5.0), (1.3, None)


def table(titles: Sequence[str], rows: Sequence[Sequence[str]], words: int = 1) -> str:
    """Return a Markdown table whose first columns, as many as ``words``, are words.

    Example:
        >>> print(table(["net", "n"], [["fast", "5"]]))
        | net | n |
        |:--|--:|
        | fast | 5 |
    """
    rule = "|".join(":--" if place < words else "--:" for place in range(len(titles)))
    lines = [f"| {' | '.join(titles)} |", f"|{rule}|"]
    return "\n".join(lines + [f"| {' | '.join(row)} |" for row in rows])


def heading(facts: Facts, what: str) -> str:
    """Return a sentence on what was measured on what and when."""
    machine = facts["machine"]
    isa = f", oneDNN limited to {machine['isa']}" if machine.get("isa") else ""
    trial = " A trial with --quick, not a result." if facts.get("quick") else ""
    unfinished = "" if facts.get("complete", True) else " Not complete."
    return (
        f"{what}; {machine['cpu']}, {machine['threads']} threads, {machine['memory_gb']} GB{isa};"
        f" {facts['date']}. Medians (smallest–largest).{trial}{unfinished}"
    )


def train_tables(facts: Facts) -> str:
    """Return speeds of all entrants, and convwise's ratios to the best of them."""
    whole = facts["mode"] == "whole"
    speeds = ["images_per_second"] + ["images_per_second_all_epochs", "seconds"] * whole
    titles = {
        "images_per_second": "images/s, epoch 2" if whole else "images/s",
        "images_per_second_all_epochs": "images/s, both epochs and start",
        "seconds": "seconds",
    }
    what = "Training"
    if whole:
        what = f"Whole trainings of two epochs on {facts['task']['images']:,} images"
    rows = []
    for row in facts["results"]:
        cells = [row["net"], str(row["batch"]), _name(row)]
        cells += [figure(row.get(name), ",.1f" if name == "seconds" else ",.0f") for name in speeds]
        cells += [_share(row.get("share_of_peak"))] * (not whole)
        cells += [_accuracy(row.get("train_accuracy")), _accuracy(row.get("test_accuracy"))]
        cells += [figure(row.get("other_cores_busy"), ".2f"), _count(row)]
        rows.append(cells)
    words = ["net", "batch", "entrant", *(titles[name] for name in speeds)]
    words += ["of peak"] * (not whole)
    words += ["train accuracy", "test accuracy", "others' cores", "n"]
    parts = [heading(facts, what), table(words, rows, 3), _best_table(facts), _ratio_table(facts)]
    if facts.get("profiles"):
        parts.append(profile_table(facts["profiles"]))
    return "\n\n".join(parts)


def _best_table(facts: Facts) -> str:
    rows = []
    for row in facts["best"]:
        if row["of"] != "images_per_second":
            continue
        goals = GOALS.get(row["net"], OTHER_GOALS)
        if facts["machine"].get("isa") == "AVX2":
            goals = AVX2_GOALS
        goal = goals[row["role"] == "best default"]
        told = "–" if goal is None else f"{goal:g}"
        if goal is not None:
            told += " met" if row["median"] >= goal else " missed"
        kind = "default" if row["role"] == "best default" else "any precision"
        who = TITLES.get(row["peer"], row["peer"])
        cells = [row["net"], str(row["batch"]), kind, who, figure(row, ".2f"), told, _count(row)]
        rows.append(cells)
    titles = ["net", "batch", "best peer in", "which is", "convwise ÷ it", "goal", "n"]
    return table(titles, rows, 4)


def _ratio_table(facts: Facts) -> str:
    groups: dict[tuple[str, int], dict[str, Facts]] = {}
    for row in facts["ratios"]:
        if row["of"] == "images_per_second":
            groups.setdefault((row["net"], row["batch"]), {})[row["peer"]] = row
    peers = list(dict.fromkeys(peer for found in groups.values() for peer in found))
    rows = [
        [net, str(batch), *(figure(found.get(peer), ".2f") for peer in peers)]
        for (net, batch), found in groups.items()
    ]
    return table(["convwise ÷", "batch", *(TITLES.get(peer, peer) for peer in peers)], rows)


def predict_tables(facts: Facts) -> str:
    """Return latency and speed of all entrants, and convwise's ratios to the best of them."""
    rows = []
    for row in facts["results"]:
        name = TITLES.get(row["contender"], row["contender"])
        cells = [row["net"], str(row["batch"]), name, figure(row.get("latency_ms"), ",.2f")]
        cells.append(figure(row.get("images_per_second"), ",.0f"))
        agreement = row.get("agreement_with_fp32")
        cells += ["–" if agreement is None else f"{agreement:.2%}", _count(row)]
        rows.append(cells)
    titles = ["net", "batch", "entrant", "ms a call", "images/s", "labels as in fp32", "n"]
    parts = [heading(facts, "Prediction"), table(titles, rows, 3)]
    return "\n\n".join([*parts, _ratio_table(facts)])


def limits_table(facts: Facts) -> str:
    """Return what the machine can do."""
    rows = []
    for name, found in facts["peaks"].items():
        best = f"{found['best_size']:,}"
        rows.append([f"matrix products in {name}", f"{found['gflops']:,.0f} GFLOP/s", best])
    for name, found in facts["copies"].items():
        rows.append([f"copy, {name}", f"{found['gb_per_s']:.1f} GB/s", ""])
    titles = ["limit", "best of all rounds", "at size"]
    return heading(facts, "Limits of the machine") + "\n\n" + table(titles, rows)


def profile_table(profiles: Sequence[Facts]) -> str:
    """Return the shares of steps, a row for each network and batch size."""
    done = [row for row in profiles if "shares" in row]
    names = list(dict.fromkeys(name for row in done for name in row["shares"]))
    rows = [
        [row["net"], str(row["batch"]), row["precision"], f"{row['step_ms']:.1f}"]
        + [_share(row["shares"].get(name)) for name in names]
        for row in done
    ]
    return table(["convwise's step", "batch", "precision", "ms", *names], rows)


def step_tables(facts: Facts) -> str:
    """Return the shares of one network's step."""
    return heading(facts, "Where a step goes") + "\n\n" + profile_table(facts["profiles"])


def accuracy_tables(facts: Facts) -> str:
    """Return what convwise reaches in each time, and when Keras's example gets as far."""
    rows = [
        [
            f"{row['limit']:g}",
            figure(row.get("test_accuracy"), ".4f"),
            figure(row.get("train_seconds"), ".1f"),
            figure(row.get("process_seconds"), ".1f"),
            "–" if row.get("keras_seconds") is None else f"{row['keras_seconds']:.0f}",
            str(row["n"]),
        ]
        for row in facts["results"]
    ]
    titles = ["limit, s", "test accuracy", "training, s", "whole command, s"]
    titles += ["Keras's example needs, s", "n"]
    parts = [heading(facts, "Accuracy in a given time"), table(titles, rows, 0)]
    epochs = facts.get("keras", {}).get("epochs", [])
    if epochs:
        told = [
            [str(each["epoch"]), f"{each['seconds']:.0f}", f"{each['test_accuracy']:.4f}"]
            for each in epochs
        ]
        parts.append(table(["Keras's example, epoch", "seconds", "test accuracy"], told, 0))
    return "\n\n".join(parts)


TABLES: dict[str, Callable[[Facts], str]] = {
    "train_throughput": train_tables,
    "predict_throughput": predict_tables,
    "limits": limits_table,
    "step_profile": step_tables,
    "time_to_accuracy": accuracy_tables,
    "serve_load": serve_tables,
    "runtime_overhead": overhead_tables,
}


def _name(row: Facts) -> str:
    precision = f" ({row['precision']})" if row["contender"] == OURS and "precision" in row else ""
    return TITLES.get(row["contender"], row["contender"]) + precision


def _count(row: Facts) -> str:
    if "error" in row:
        return str(row["error"])
    return "projected" if row["projected"] else str(row["n"])


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.0%}"


def _accuracy(value: Any) -> str:
    if isinstance(value, dict):
        return figure(value, ".3f")
    return "–" if value is None else f"{value:.3f}"


def main() -> int:
    """Print the tables of the files that are named, or of all there are."""
    paths = [Path(word) for word in sys.argv[1:]] or sorted((HERE / "results").glob("*.json"))
    for path in paths:
        facts = json.loads(path.read_text(encoding="utf-8"))
        write = TABLES.get(facts.get("benchmark"))
        # Files of other benchmarks have their own tables; an older layout has no mode.
        if write is None or (write is train_tables and "mode" not in facts):
            print(f"{path.name}: no table for this file", file=sys.stderr)
            continue
        print(f"### {path.stem}\n\n{write(facts)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
