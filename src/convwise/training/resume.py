"""From an interrupted run to its end, as if nothing had happened."""

from __future__ import annotations

import dataclasses
import json
import shlex
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from convwise.data.dataset import Dataset, Decoded
from convwise.design.network import Network
from convwise.design.plan import plan
from convwise.errors import CheckpointError, OptionError
from convwise.image import ImageFormat
from convwise.training.checkpoint import Checkpoint, load_checkpoint
from convwise.training.data_request import DataRequest, read, require_same
from convwise.training.decided import Decided
from convwise.training.device import CPU, Device, find_device
from convwise.training.job import Job
from convwise.training.keeper import OnNan, Saving
from convwise.training.machine import deciding_facts
from convwise.training.progress import Watcher
from convwise.training.recipe import Recipe
from convwise.training.run import CHECKSUMS, Run, RunFolder
from convwise.training.tracking import FOLDER as TENSORBOARD
from convwise.training.train import use_threads
from convwise.training.world import ALONE, World


def resume(
    run: str | Path,
    data: str | Path | Dataset | Decoded | None = None,
    *,
    inexact: bool = False,
    threads: int | None = None,
    checkpoint_every: float | None = None,
    on_nan: OnNan | None = None,
    watcher: Watcher | None = None,
    signals: tuple[int, ...] = (signal.SIGINT,),
    complete: Sequence[str] = (),
    world: World = ALONE,
) -> Run:
    """Go on with a run that was interrupted or killed, from its last checkpoint to its end.

    The final weights have the bits that they would have had without the interruption, where the
    length of the training is given in epochs; a time limit goes by the clock, which no two
    trainings share.

    Args:
        run: its folder.
        data: the same data, from elsewhere; asked for as before unless given.
        inexact: go on with another build, processor, GPU or number of threads too: to good weights,
            but other bits.
        threads: of torch; as before unless given.
        checkpoint_every: seconds between checkpoints; as before unless given.
        on_nan: what a loss that is no number leads to; as before unless given.
        watcher: told about progress.
        signals: as for ``train``.
        complete: files that a finished run must have besides those of ``train``; where one is not
            among its checksums, the results are written again.
        world: the processes that train together, as many as before.

    Raises:
        CheckpointError: there is no checkpoint, it is damaged, or the data has changed.
        OptionError: the run is finished, is being written, or cannot be resumed to the bit.
        RunError: as for ``train``.
    """
    path, watcher = Path(run), watcher or Watcher()
    if not world.leads:
        told: tuple[dict[str, Any], Checkpoint] = world.agreed(None)
        use_threads(told[0]["threads"])
        job = _job(told[0], data, watcher, signals, world)
        job.help((Decided.from_dict(told[0]), told[1]))
        raise SystemExit(0)
    _read_facts(path)
    with RunFolder(path) as folder:
        # Once more, now that nobody else writes.
        facts = _read_facts(path)
        try:
            _require_unfinished(path, facts, complete)
            folder.remove_leftovers()
            checkpoint = load_checkpoint(folder.checkpoint)
            use_threads(facts["threads"] if threads is None else threads)
            device = _device_of(facts, world)
            facts |= _what_decides_bits(path, facts, inexact, world.size, device)
            saving = Saving(**facts["saving"]).but(checkpoint_every, on_nan)
            facts["saving"] = saving.to_dict()
            job = _job(facts, data, watcher, signals, world)
            if (path / TENSORBOARD).is_dir():
                job = dataclasses.replace(job, track="tensorboard")
        except (KeyError, TypeError) as error:
            raise CheckpointError(f"{path / 'run.json'} does not tell all ({error!r})") from None
        if job.recipe.time_limit:
            watcher.message("a time limit goes by the clock: the weights will have other bits")
        world.agreed((facts, checkpoint))
        return job.go_on(folder, facts, checkpoint)


def _read_facts(path: Path) -> dict[str, Any]:
    file = path / "run.json"
    if not path.is_dir():
        raise CheckpointError(f"{path} is no folder; give the folder of a run")
    try:
        facts = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointError(
            f"{path} holds no run.json: training had not begun, or it is no run; train anew"
        ) from None
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{file} cannot be read ({error})") from None
    if not isinstance(facts, dict):
        raise CheckpointError(f"{file} is no table of facts")
    return facts


def _require_unfinished(path: Path, facts: dict[str, Any], complete: Sequence[str]) -> None:
    if facts.get("status") not in ("finished", "time limit", "early stopping"):
        return
    sums = path / CHECKSUMS
    sealed = sums.read_text(encoding="utf-8").split() if sums.exists() else None
    if sealed is not None and all(name in sealed for name in complete):
        raise OptionError(
            f"{path} is finished; to train longer: convwise train"
            f" {shlex.quote(str(facts['data']['source']))} with more --epochs or --time-limit"
        )


def _what_decides_bits(
    path: Path, facts: dict[str, Any], inexact: bool, ranks: int, device: Device
) -> dict[str, Any]:
    """Return what of ``run.json`` changes because this process computes otherwise; often nothing.

    Raises:
        OptionError: it does, and nobody has allowed it.
    """
    then = facts["decides_bits"]
    now = deciding_facts(fuse=facts["fuse"], ranks=ranks, gpu=device.product)
    differences = [
        f"{name}: {then.get(name)} then, {value} now"
        for name, value in now.items()
        if then.get(name) != value
    ]
    if not differences:
        return {}
    if not inexact:
        raise OptionError(
            f"{path} cannot go on to the same bits ({'; '.join(differences)});"
            " add --inexact to go on to other bits"
        )
    return {
        "decides_bits": now,
        "threads": now["threads"],
        **_elsewhere(facts, device),
        "inexact": [*facts.get("inexact", []), *differences],
    }


def _elsewhere(facts: dict[str, Any], device: Device) -> dict[str, Any]:
    """Return what changes where a GPU's run goes on by the processor, which knows other races."""
    if device.kind == facts.get("device", "cpu"):
        return {}
    return {"device": device.kind, "precision": facts["precision"] | {"chosen": "fp32"}}


def _job(
    facts: dict[str, Any],
    data: str | Path | Dataset | Decoded | None,
    watcher: Watcher,
    signals: tuple[int, ...],
    world: World,
) -> Job:
    """Return the job that ``run.json`` tells of, with its data read again."""
    asked = _asked_data(facts, data)
    image_format = ImageFormat.from_dict(facts["image_format"])
    if isinstance(data, Decoded):
        decoded = data
    else:
        dataset = data if isinstance(data, Dataset) else asked.find()
        if facts.get("start") is not None:
            # The pictures were brought to the format of the weights.
            dataset = dataclasses.replace(dataset, format=image_format)
        decoded = read(dataset, watcher, asked.max_bad, asked.cache)
    require_same(decoded, facts["data"])
    dataset, network = decoded.dataset, facts["network"]
    design = Network.from_dict({"layers": network["layers"]})
    return Job(
        name=network["name"],
        plan=plan(design, image_format, len(dataset.classes)).require(),
        decoded=decoded,
        image_format=image_format,
        asked_data=asked,
        recipe=Recipe.of(facts["recipe"]),
        seed=facts["seed"],
        precision=facts["precision"]["chosen"],
        command=facts["command"],
        watcher=watcher,
        fuse=facts["fuse"],
        saving=Saving(**facts["saving"]),
        signals=signals,
        world=world,
        device=_device_of(facts, world),
    )


def _device_of(facts: dict[str, Any], world: World) -> Device:
    """Return the device that a run was begun on, or the processor where there is none such here.

    Raises:
        OptionError: there are fewer GPUs than processes.
    """
    try:
        return find_device(facts.get("device", "cpu"), world)
    except OptionError:
        if torch.cuda.is_available():
            raise
        return CPU


def _asked_data(facts: dict[str, Any], data: str | Path | Dataset | Decoded | None) -> DataRequest:
    """Return how the data was asked for, or how it is to be asked for now."""
    seed, then = facts["seed"], facts["data"]["asked"]
    if then is not None:
        request = DataRequest.from_dict(then, seed)
    elif data is None:
        raise OptionError(
            f"the data of this run ({facts['data']['name']}) was handed over in Python; hand it"
            " over again: convwise.resume(run, data)"
        )
    else:
        request = DataRequest(facts["data"]["source"], seed)
    return (
        dataclasses.replace(request, source=str(data)) if isinstance(data, str | Path) else request
    )
