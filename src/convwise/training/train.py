"""From a data set and the name of a network to a run folder."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from convwise.data import load_data
from convwise.data.audit.audit import audit
from convwise.data.cores import usable_cores
from convwise.data.dataset import MAX_BAD, Dataset, Decoded
from convwise.data.pixel_cache import PixelCache
from convwise.design.network import Network
from convwise.design.plan import Plan, plan
from convwise.design.resolve import resolve_network
from convwise.errors import OptionError
from convwise.evaluation.split import evaluate_split
from convwise.model.race import Heat
from convwise.training.checkpoint import save_checkpoint
from convwise.training.facts import (
    measured_facts,
    measured_format,
    request_facts,
    result_facts,
)
from convwise.training.fit import PrecisionChoice, fit_model
from convwise.training.loop import TrainingLoop
from convwise.training.precision import Race
from convwise.training.progress import EpochRecord, Watcher
from convwise.training.recipe import Recipe
from convwise.training.run import Run, RunFolder, choose_folder, require_free

DEFAULT_NETWORK = "fast"


def train(
    data: str | Path | Dataset | Decoded,
    network: str | Path | Network = DEFAULT_NETWORK,
    recipe: Recipe | None = None,
    *,
    out: str | Path | None = None,
    seed: int = 0,
    precision: PrecisionChoice = "auto",
    threads: int | None = None,
    watcher: Watcher | None = None,
    command: str = "",
    dry_run: bool = False,
    max_bad: float = MAX_BAD,
    cache: bool = True,
    fuse: bool = True,
    **data_options: Any,
) -> Run:
    """Train a classifier and score it once on the test split.

    Args:
        data: a named data set, a folder of class folders, or a data set that was loaded before.
        network: a name from the zoo, a notation text, the path of a file, or a Network.
        recipe: how to train; the default suits small images.
        out: the run's folder; ``runs/<data>-<network>-<number>`` unless given.
        seed: of the first weights, the order, the augmentation, and the splits of a data set that
            this call loads.
        precision: ``auto`` races fp32 against bf16 on the real network.
        threads: of torch; all cores of this process unless given. Another number gives other bits.
        watcher: told about progress.
        command: recorded as the command that repeats the run.
        dry_run: send one batch through everything, in a folder that is removed again.
        max_bad: the largest share of damaged picture files, 0…1, that training puts up with.
        cache: take decoded pixels from the user's cache, and keep them there.
        fuse: compute neighbouring layers together, and by kernels where these win a race.
        **data_options: passed to ``load_data``.

    Raises:
        DataError: the data cannot be read or learnt from.
        DesignError: the network does not fit the images.
        OptionError: an option cannot be used, or ``out`` exists.
        StorageError: a file could not be written.
        TrainingError: the loss is no number.
    """
    watcher = watcher or Watcher()
    if out is not None:
        require_free(Path(out))
    use_threads(threads)
    design = resolve_network(network)
    if isinstance(data, str | Path):
        data = load_data(data, seed=seed, **data_options)
    dataset = data.dataset if isinstance(data, Decoded) else data
    network_plan = plan(design, dataset.format, len(dataset.classes)).require()
    decoded = data if isinstance(data, Decoded) else _read(data, watcher, max_bad, cache)
    job = _Job(
        name=_short_name(network),
        plan=network_plan,
        decoded=decoded,
        recipe=recipe or Recipe(),
        seed=seed,
        precision=precision,
        command=command,
        watcher=watcher,
        fuse=fuse,
    )
    if dry_run:
        with tempfile.TemporaryDirectory(prefix="convwise-dry-run-") as folder:
            return job.one_batch().run(Path(folder) / "run")
    return job.run(choose_folder(Path(out) if out else None, f"{dataset.name}-{job.name}"))


def use_threads(count: int | None) -> None:
    """Set the number of torch's threads; None takes every core that this process may use.

    Raises:
        OptionError: the number is not between 1 and 1024.
    """
    count = usable_cores() if count is None else count
    if not 1 <= count <= 1024:
        raise OptionError(f"--threads {count}: use a number from 1 to 1024")
    torch.set_num_threads(count)


def _read(dataset: Dataset, watcher: Watcher, max_bad: float, cache: bool) -> Decoded:
    kept = PixelCache.of_user(watcher.message) if cache else None
    decoded = dataset.decode(watcher.reading, cache=kept)
    decoded.require_learnable(max_bad)
    if decoded.moved:
        watcher.message(
            f"{len(decoded.moved)} held-out images have a copy elsewhere: moved to training"
        )
    return decoded


def _short_name(network: str | Path | Network) -> str:
    """Return a word for the network: its zoo name, its file's name, or ``custom``."""
    if isinstance(network, Path):
        return network.stem
    if isinstance(network, Network) or any(sign in network.strip() for sign in "|\n {("):
        return "custom"
    return Path(network.strip()).stem


@dataclasses.dataclass(frozen=True)
class _Job:
    """A training whose request has been checked."""

    name: str
    plan: Plan
    decoded: Decoded
    recipe: Recipe
    seed: int
    precision: PrecisionChoice
    command: str
    watcher: Watcher
    fuse: bool

    def run(self, path: Path) -> Run:
        stores = self.decoded.stores
        image_format = measured_format(self.decoded)
        folder = RunFolder.create(path)
        # Near duplicates take a minute in large data sets: `convwise audit` looks for them.
        folder.write_json("audit.json", audit(self.decoded, near=False).to_json())
        facts: dict[str, Any] = {}

        def on_start(race: Race, recipe: Recipe, heats: tuple[Heat, ...]) -> None:
            facts.update(
                request_facts(
                    command=self.command,
                    name=self.name,
                    plan=self.plan,
                    decoded=self.decoded,
                    image_format=image_format,
                    asked=self.recipe,
                    recipe=recipe,
                    seed=self.seed,
                    race=race,
                    heats=heats,
                )
            )
            folder.write_json("run.json", facts)

        def on_epoch_end(loop: TrainingLoop, record: EpochRecord) -> None:
            folder.add_epoch(record)
            progress = {
                "epoch": record.epoch,
                "step": loop.progress.step,
                "seconds": record.seconds,
            }
            save_checkpoint(
                folder.checkpoint, loop.network, loop.optimizer, progress | {"seed": self.seed}
            )

        fitted = fit_model(
            self.plan,
            stores["train"],
            stores["validation"],
            image_format=image_format,
            classes=self.decoded.dataset.classes,
            name=self.name,
            recipe=self.recipe,
            seed=self.seed,
            precision=self.precision,
            watcher=self.watcher,
            data_options=self.decoded.dataset.options,
            fuse=self.fuse,
            on_start=on_start,
            on_epoch_end=on_epoch_end,
        )
        folder.write_model(fitted.model)
        self.watcher.message("scoring the test split, once")
        test = evaluate_split(fitted.model, stores["test"])
        validation = evaluate_split(fitted.model, stores["validation"], shift_images=0)
        model = dataclasses.replace(fitted.model, measured=measured_facts(self.decoded, test))
        folder.write_model(model)
        facts |= {"status": fitted.ending, "result": result_facts(fitted, test, validation)}
        folder.write_results(test, validation, fitted.model.classes)
        folder.write_json("run.json", facts)
        folder.seal()
        return Run(path, model, test, validation, fitted.history, facts, stores["test"])

    def one_batch(self) -> _Job:
        """Return the job cut down to one batch of each split and one step."""
        return dataclasses.replace(
            self,
            decoded=_spread(self.decoded, max(2, self.recipe.batch_size)),
            recipe=self.recipe.model_copy(update={"epochs": 1, "time_limit": None}),
        )


def _spread(decoded: Decoded, count: int) -> Decoded:
    """Return so many images of each split, evenly spread over it."""
    chosen = {
        split: np.linspace(0, len(store) - 1, min(count, len(store))).astype(np.int64)
        for split, store in decoded.stores.items()
    }
    return dataclasses.replace(
        decoded,
        stores={split: store.select(chosen[split]) for split, store in decoded.stores.items()},
        traits={split: each.select(chosen[split]) for split, each in decoded.traits.items()},
        places={split: each[chosen[split]] for split, each in decoded.places.items()},
    )
