"""Where does the time of convwise's training step go?

    python benchmarks/step_profile.py --net fast --batch 128
    python benchmarks/step_profile.py --net fast --batch 128 --no-fuse

It trains the network for some steps by ``fit_model``, on Fashion-MNIST, and lets
``convwise.training.profile`` watch. ``convwise train --profile`` prints the same for any training.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measuring import write_json
from tables import step_tables

from convwise.data import load_data
from convwise.design.plan import plan
from convwise.design.resolve import resolve_network
from convwise.image import ImageFormat
from convwise.training.fit import fit_model
from convwise.training.machine import machine_facts, package_versions
from convwise.training.profile import STEPS, WARM_UP, StepProfiler
from convwise.training.recipe import Recipe
from convwise.training.train import use_threads

HERE = Path(__file__).resolve().parent

Facts = dict[str, Any]


def profile_net(
    net: str, batch: int, *, fuse: bool, optimizer: str, precision: Any = "auto"
) -> Facts:
    """Return the profile of a network's step.

    ``adamw`` is what the throughput benchmarks train with; ``auto`` is convwise's default recipe.
    """
    store = load_data("fashion-mnist").decode().stores["train"]
    chosen = np.random.default_rng(0).permutation(len(store))
    store = store.select(chosen[: batch * (WARM_UP + 2 * STEPS + 2)])
    mean, std = store.channel_statistics()
    image_format = dataclasses.replace(ImageFormat(28, 28, 1), mean=mean, std=std)
    classes = tuple("0123456789")
    recipe = Recipe(epochs=1, batch_size=batch)
    if optimizer == "adamw":
        recipe = Recipe(
            epochs=1, batch_size=batch, optimizer="adamw", shift=0, flip=False, prune_easy=0.0
        )
    watcher, kept = StepProfiler(), {}
    fitted = fit_model(
        plan(resolve_network(net), image_format, len(classes)).require(),
        store,
        store.select(np.arange(1)),
        image_format=image_format,
        classes=classes,
        name=net,
        recipe=recipe,
        seed=0,
        precision=precision,
        watcher=watcher.as_watcher(),
        fuse=fuse,
        on_start=lambda decided: kept.update(heats=[each.to_dict() for each in decided.heats]),
    )
    found = watcher.finish()
    assert found is not None, "the training was too short to be profiled"
    facts = {"net": net, "batch": batch, "fuse": fuse, "optimizer": optimizer}
    return facts | {"precision": fitted.race.chosen} | found.to_dict() | {"kernels": kept["heats"]}


def main() -> int:
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--net", nargs="+", default=["fast"], help="of the zoo")
    options.add_argument("--batch", type=int, nargs="+", default=[128])
    options.add_argument("--no-fuse", action="store_true", help="all layers by torch")
    options.add_argument("--optimizer", choices=("adamw", "auto"), default="adamw")
    options.add_argument("--precision", choices=("auto", "fp32", "bf16"), default="auto")
    options.add_argument("--threads", type=int, help="default: all cores")
    options.add_argument("--json", default=str(HERE / "results" / "step_profile.json"))
    asked = options.parse_args()
    use_threads(asked.threads)
    profiles = [
        profile_net(
            net,
            batch,
            fuse=not asked.no_fuse,
            optimizer=asked.optimizer,
            precision=asked.precision,
        )
        for net in asked.net
        for batch in asked.batch
    ]
    if asked.json == "-":
        print(json.dumps(profiles[0]))
        return 0
    facts = {
        "benchmark": "step_profile",
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": machine_facts() | {"threads": torch.get_num_threads()},
        "versions": package_versions(),
        "profiles": profiles,
    }
    write_json(Path(asked.json), facts)
    print(step_tables(facts))
    return 0


if __name__ == "__main__":
    sys.exit(main())
