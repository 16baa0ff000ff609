"""Whole trainings on all images, each in a process of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rounds import PATIENCE, Asked, Tell, rotated

Facts = dict[str, Any]

WHOLE_FIGURES = (
    "images_per_second",
    "images_per_second_all_epochs",
    "seconds",
    "test_accuracy",
    "peak_memory_mb",
)
EPOCHS, TEST_IMAGES, PROBE_STEPS = 2, 10_000, 20


def train_whole(
    names: Sequence[str],
    start: Callable[[str, int], Asked],
    *,
    rounds: int,
    cap: float,
    images: int,
    tell: Tell,
) -> list[Facts]:
    """Let everybody train once in every round, with the seed of the round.

    Before that everybody takes some steps as a probe, and again if they were too slow: a moment in
    which the machine was busy must not shut anyone out. Who would need more than ``cap`` seconds
    even then is not measured.

    Returns:
        A row for each, as ``rounds.compete`` does; ``learn`` is the probe.
    """
    task = {"do": "learn", "images": images, "test_images": TEST_IMAGES, "epochs": EPOCHS}
    rows: dict[str, Facts] = {}
    for name in names:
        probe = task | {"probe_steps": PROBE_STEPS, "cap": cap}
        found, ready = _once(start, name, 0, probe, cap)
        if found.get("projected_seconds", 0.0) > cap:
            again, _ = _once(start, name, 0, probe, cap)
            speeds = [each["images_per_second"] for each in (found, again) if "error" not in each]
            better = again if again.get("images_per_second", 0.0) > speeds[0] else found
            found = better | {"probed_images_per_second": speeds}
        found["given_up"] = found.get("projected_seconds", 0.0) > cap
        rows[name] = {"contender": name, **ready, "learn": found, "rounds": []}
        if "error" in found:
            rows[name]["error"] = found["error"]
        tell(f"probe, {name}: {_news(found)}")
    measured = [
        name for name, row in rows.items() if "error" not in row and not row["learn"]["given_up"]
    ]
    for number in range(rounds):
        for name in rotated(measured, number):
            found, _ = _once(start, name, number, task, cap)
            rows[name]["rounds"].append({"round": number, "seed": number, **found})
            tell(f"round {number + 1}, {name}: {_news(found)}")
    return [*rows.values()]


def _once(
    start: Callable[[str, int], Asked], name: str, seed: int, command: Facts, cap: float
) -> tuple[Facts, Facts]:
    worker = start(name, seed)
    try:
        return worker.ask(command, cap + PATIENCE), dict(worker.ready)
    finally:
        worker.close()


def _news(found: Facts) -> str:
    if "error" in found:
        return str(found["error"])
    text = f"{found['images_per_second']:,.0f} images/s"
    if "projected_seconds" in found:
        text += f", so training takes about {found['projected_seconds']:,.0f} s"
    return text + (", which is over the cap: projected, not measured" * bool(found.get("given_up")))
