"""From a data set and the name of a network to a run folder."""

from __future__ import annotations

import dataclasses
import signal
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from convwise.data.cores import usable_cores
from convwise.data.dataset import MAX_BAD, Dataset, Decoded
from convwise.design.network import Network
from convwise.design.plan import plan
from convwise.errors import OptionError
from convwise.training.callbacks import Callback, with_callbacks
from convwise.training.computing import PrecisionChoice
from convwise.training.data_request import DataRequest, read
from convwise.training.device import DeviceChoice, find_device
from convwise.training.facts import measured_format
from convwise.training.job import Job
from convwise.training.keeper import Saving
from convwise.training.network_request import NetworkRequest
from convwise.training.progress import Watcher
from convwise.training.recipe import Recipe
from convwise.training.run import Run, choose_folder, require_free
from convwise.training.tracking import Track, trackers
from convwise.training.width import width_for
from convwise.training.world import ALONE, World


def train(
    data: str | Path | Dataset | Decoded,
    network: str | Path | Network | None = None,
    recipe: Recipe | None = None,
    *,
    start_from: str | Path | None = None,
    weights: str | Path | None = None,
    out: str | Path | None = None,
    seed: int = 0,
    precision: PrecisionChoice = "auto",
    device: DeviceChoice = "auto",
    threads: int | None = None,
    watcher: Watcher | None = None,
    callbacks: Sequence[Callback] = (),
    track: Track | None = None,
    command: str = "",
    dry_run: bool = False,
    max_bad: float = MAX_BAD,
    cache: bool = True,
    fuse: bool = True,
    saving: Saving | None = None,
    signals: tuple[int, ...] = (signal.SIGINT,),
    world: World = ALONE,
    **data_options: Any,
) -> Run:
    """Train a classifier and score it once on the test split.

    Args:
        data: a named data set, a folder of class folders, or a data set that was loaded before.
        network: a name from the zoo, a notation text, the path of a file, or a Network; ``auto``
            is ``fast``, as wide as the recipe's time limit allows (:mod:`convwise.training.width`);
            ``fast``, or that of ``start_from``, unless given.
        recipe: how to train; the default suits small images, or transfer where there is a
            ``start_from`` (:mod:`convwise.training.transfer`).
        start_from: a trained network to begin with: a run folder, a model file,
            ``efficientnet-lite0``, or another name of the zoo with ``weights``. Its image format
            is kept, but for what ``image_size`` and ``resize`` ask for.
        weights: a safetensors file with torchvision's names.
        out: the run's folder; ``runs/<data>-<network>-<number>`` unless given.
        seed: of the first weights, the order, the augmentation, and the splits of a data set that
            this call loads.
        precision: ``auto`` races fp32 against bf16 on the real network.
        device: ``auto`` takes a GPU where torch finds one; what comes of it is on the processor.
        threads: of torch; all cores of this process unless given. Another number gives other bits.
        watcher: told about progress.
        callbacks: told about progress through Keras's hooks; may end the training.
        track: ``tensorboard`` writes scalars into the run's folder ``tensorboard``.
        command: recorded as the command that repeats the run.
        dry_run: send one batch through everything, in a folder that is removed again.
        max_bad: the largest share of damaged picture files, 0…1, that training puts up with.
        cache: take decoded pixels from the user's cache, and keep them there.
        fuse: compute neighbouring layers together, and by kernels where these win a race.
        saving: when checkpoints are made, and what a loss that is no number leads to.
        signals: wishes to stop: the first one keeps a checkpoint and scores what was learnt, the
            second ends at once. With SIGTERM among them, exit with 128 + ``Run.stopped_by`` soon.
        world: the processes that train together, see ``world_of_environment``; all but process 0
            exit at the end, as they have nothing to return.
        **data_options: passed to ``load_data``.

    Raises:
        DataError: the data cannot be read or learnt from.
        DesignError: the network does not fit the images.
        MissingExtraError: ``start_from`` or ``track`` needs a package that is not installed.
        ModelFileError: the weights cannot be read, or do not fit.
        OptionError: an option cannot be used, or ``out`` exists.
        StorageError: a file could not be written.
        TrainingError: the loss is no number.
    """
    recipe, watcher = recipe or Recipe(), with_callbacks(watcher, callbacks)
    _require_possible(out, track, dry_run, world)
    use_threads(threads, world)
    place = find_device(device, world)
    place.require(precision)
    asked = NetworkRequest.of(network, start_from, weights)
    asked_data = None
    if isinstance(data, str | Path):
        asked_data = DataRequest(str(data), seed, max_bad, cache, data_options)
        data = asked_data.find()
    dataset, decoded = asked.in_its_format(data, data_options)
    # Before the pictures are decoded: a network that does not fit them is told at once.
    network_plan = asked.plan_for(dataset, recipe)
    decoded = decoded or read(dataset, watcher, max_bad, cache)
    job = Job(
        name=asked.name,
        plan=network_plan,
        decoded=decoded,
        image_format=dataset.format if asked.start else measured_format(decoded),
        asked_data=asked_data,
        recipe=recipe,
        seed=seed,
        precision=precision,
        command=command,
        watcher=watcher,
        track=track,
        fuse=fuse,
        saving=saving or Saving(),
        signals=signals,
        world=world,
        weights=asked.start,
        device=place,
    )
    if asked.by_time:
        job = _as_wide_as_time_allows(job)
    if not world.leads:
        job.help()
        raise SystemExit(0)
    if dry_run:
        return _dry_run(job)
    return job.start(choose_folder(Path(out) if out else None, f"{dataset.name}-{job.name}"))


def _require_possible(
    out: str | Path | None, track: Track | None, dry_run: bool, world: World
) -> None:
    """Refuse, before any work, what could only fail at its end."""
    trackers(track, Path())
    if dry_run and world.size > 1:
        raise OptionError("--dry-run: one process is enough for that")
    if out is not None and world.leads:
        require_free(Path(out))


def _as_wide_as_time_allows(job: Job) -> Job:
    """Return the job with the width of ``fast`` that process 0 finds time for."""
    dataset, width = job.decoded.dataset, None
    if job.world.leads:
        width = width_for(
            job.decoded.stores["train"],
            job.image_format,
            dataset.classes,
            job.recipe,
            job.precision,
            job.watcher,
            seed=job.seed,
            fuse=job.fuse,
            device=job.device,
        )
    chosen = job.world.agreed(width)
    made = plan(chosen.network, dataset.format, len(dataset.classes)).require()
    return dataclasses.replace(job, name=chosen.name, plan=made)


def _dry_run(job: Job) -> Run:
    """Send one batch through everything, in a folder that is removed again."""
    with tempfile.TemporaryDirectory(prefix="convwise-dry-run-") as folder:
        return job.one_batch().start(Path(folder) / "run")


def use_threads(count: int | None, world: World = ALONE) -> None:
    """Set the number of torch's threads; None takes this process's share of the cores.

    Raises:
        OptionError: the number is not between 1 and 1024.
    """
    count = max(1, usable_cores() // world.size) if count is None else count
    if not 1 <= count <= 1024:
        raise OptionError(f"--threads {count}: use a number from 1 to 1024")
    torch.set_num_threads(count)
