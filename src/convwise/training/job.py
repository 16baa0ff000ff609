"""One training and the folder that it fills, from the first step or from a checkpoint."""

from __future__ import annotations

import dataclasses
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from convwise.data.audit.audit import audit
from convwise.data.dataset import Decoded
from convwise.design.plan import Plan
from convwise.errors import DivergedError, OptionError
from convwise.evaluation.predict import LARGEST_BATCH
from convwise.evaluation.speed import prediction_speed
from convwise.evaluation.split import evaluate_split
from convwise.image import ImageFormat
from convwise.model.pretrained.start import Start
from convwise.training.checkpoint import Checkpoint
from convwise.training.computing import PrecisionChoice
from convwise.training.data_request import DataRequest
from convwise.training.decided import Decided
from convwise.training.device import CPU, Device
from convwise.training.facts import measured_facts, request_facts, result_facts
from convwise.training.fit import Fitted, fit_model
from convwise.training.interrupt import StopOnSignal
from convwise.training.keeper import RunKeeper, Saving
from convwise.training.live import LiveFiles
from convwise.training.other_work import OtherWorkWatcher
from convwise.training.progress import Watcher
from convwise.training.recipe import Recipe
from convwise.training.run import Run, RunFolder
from convwise.training.tracking import Track, trackers
from convwise.training.world import ALONE, World

# torchrun passes a signal on that its processes had from the terminal already.
ECHO = 2.0


@dataclasses.dataclass(frozen=True)
class Job:
    """A training whose request has been checked.

    Args:
        name: of the network, for people.
        plan: of the network.
        decoded: the data.
        image_format: with the mean and spread that pixels are scaled by.
        asked_data: how to ask for it again; None for data that was handed over.
        recipe: as asked.
        seed: of the first weights, the order, the augmentation and dropout.
        precision: as asked.
        command: recorded as the command that repeats the run.
        watcher: told about progress.
        fuse: compute neighbouring layers together, and by kernels where these win a race.
        saving: when checkpoints are made, and what a loss that is no number leads to.
        signals: which ones are wishes to stop.
        world: the processes that train together; process 0 starts or goes on, the others help.
        track: what else records the training, below the run's folder.
        weights: those that training begins with; None from scratch, and where it goes on.
        device: that training computes on.
    """

    name: str
    plan: Plan
    decoded: Decoded
    image_format: ImageFormat
    asked_data: DataRequest | None
    recipe: Recipe
    seed: int
    precision: PrecisionChoice
    command: str
    watcher: Watcher
    fuse: bool
    saving: Saving
    signals: tuple[int, ...] = (signal.SIGINT,)
    world: World = ALONE
    track: Track | None = None
    weights: Start | None = None
    device: Device = CPU

    def __post_init__(self) -> None:
        if self.world.size > 1 and self.saving.on_nan == "retry":
            raise OptionError("--on-nan retry: only one process can go back; use stop")

    def start(self, path: Path) -> Run:
        """Train, in a folder that does not exist yet."""
        facts: dict[str, Any] = {}
        with RunFolder.create(path) as folder:
            # Near duplicates take a minute in large data sets: `convwise audit` looks for them.
            folder.write_json("audit.json", audit(self.decoded, near=False).to_json())

            def on_start(decided: Decided) -> None:
                facts.update(
                    request_facts(
                        command=self.command,
                        name=self.name,
                        plan=self.plan,
                        decoded=self.decoded,
                        asked_data=self.asked_data,
                        image_format=self.image_format,
                        asked=self.recipe,
                        decided=decided,
                        seed=self.seed,
                        saving=self.saving,
                        ranks=self.world.size,
                        gpu=self.device.product,
                    )
                )
                folder.write_json("run.json", facts)

            return self._run(folder, facts, on_start)

    def go_on(self, folder: RunFolder, facts: dict[str, Any], checkpoint: Checkpoint) -> Run:
        """Train from a checkpoint to the end.

        Args:
            folder: of the run; its lock is held.
            facts: the content of its ``run.json``.
            checkpoint: its last one.
        """
        decided = Decided.from_dict(facts)
        facts = {**facts, "status": "running"}
        facts.pop("reason", None)
        folder.unseal()
        folder.write_json("run.json", facts)
        return self._run(folder, facts, lambda decided: None, (decided, checkpoint))

    def _run(
        self,
        folder: RunFolder,
        facts: dict[str, Any],
        on_start: Callable[[Decided], None],
        resume: tuple[Decided, Checkpoint] | None = None,
    ) -> Run:
        keeper = RunKeeper(folder, self.saving)
        recorders = trackers(self.track, folder.path)
        live = LiveFiles(folder.path, self.watcher, self.decoded.dataset.classes, recorders)
        with self._stop() as stop, live:
            watcher: Watcher = live
            if self.world.size == 1 and not self.device.accelerated:
                watcher = OtherWorkWatcher(watcher)
            try:
                fitted = self._fit(stop, resume, watcher, keeper=keeper, on_start=on_start)
                if fitted.ending == "interrupted":
                    watcher.message(f"checkpoint kept; go on with: {keeper.command}")
                run = self._finish(folder, facts, fitted, watcher)
            except DivergedError as error:
                folder.write_json("run.json", facts | {"status": "failed", "reason": error.reason})
                raise
            except (KeyboardInterrupt, SystemExit):
                if keeper.command:
                    self.watcher.message(f"stopped at once; go on with: {keeper.command}")
                raise
        interrupted = fitted.ending == "interrupted"
        return dataclasses.replace(run, stopped_by=stop.received if interrupted else None)

    def help(self, resume: tuple[Decided, Checkpoint] | None = None) -> None:
        """Train along with process 0, which writes what comes of it."""
        with self._stop() as stop:
            self._fit(stop, resume, self.watcher)

    def _stop(self) -> StopOnSignal:
        return StopOnSignal.told_to(
            self.watcher, self.signals, echo=ECHO if self.world.size > 1 else 0.0
        )

    def _fit(
        self,
        stop: StopOnSignal,
        resume: tuple[Decided, Checkpoint] | None,
        watcher: Watcher,
        **hooks: Any,
    ) -> Fitted:
        return fit_model(
            self.plan,
            self.decoded.stores["train"],
            self.decoded.stores["validation"],
            image_format=self.image_format,
            classes=self.decoded.dataset.classes,
            name=self.name,
            recipe=self.recipe,
            seed=self.seed,
            precision=self.precision,
            watcher=watcher,
            data_options=self.decoded.dataset.options,
            fuse=self.fuse,
            start=self.weights,
            stop=stop,
            resume=resume,
            world=self.world,
            device=self.device,
            **hooks,
        )

    def _finish(
        self, folder: RunFolder, facts: dict[str, Any], fitted: Fitted, watcher: Watcher
    ) -> Run:
        """Write the model and what it is worth."""
        stores = self.decoded.stores
        folder.write_model(fitted.model)  # Before the scoring, which may be interrupted.
        watcher.message("scoring the test split, once")
        test = evaluate_split(fitted.model, stores["test"])
        validation = evaluate_split(fitted.model, stores["validation"], shift_images=0)
        speed = prediction_speed(fitted.model, stores["test"].take(slice(0, LARGEST_BATCH)))
        model = dataclasses.replace(fitted.model, measured=measured_facts(self.decoded, test))
        folder.write_model(model)
        facts = facts | {
            "status": fitted.ending,
            "setbacks": [setback.to_dict() for setback in fitted.setbacks],
            "result": result_facts(fitted, test, validation),
            "early_stopping": fitted.best.to_dict() if fitted.best else None,
            "temperature": fitted.scaling.to_dict() if fitted.scaling else None,
            "prediction": speed.to_dict() if speed else None,
        }
        folder.write_results(test, validation, fitted.model.classes)
        folder.write_json("run.json", facts)
        folder.seal()
        history = fitted.history
        return Run(folder.path, model, test, validation, history, facts, stores["test"])

    def one_batch(self) -> Job:
        """Return the job cut down to one batch of each split and one step."""
        size = max(2, self.recipe.batch_size)
        return dataclasses.replace(
            self,
            decoded=spread(self.decoded, dict.fromkeys(self.decoded.stores, size)),
            recipe=self.recipe.model_copy(update={"epochs": 1, "time_limit": None}),
        )


def spread(decoded: Decoded, counts: Mapping[str, int]) -> Decoded:
    """Return so many images of each split, or all it has, evenly spread over it."""
    chosen = {
        split: np.linspace(0, len(store) - 1, min(counts[split], len(store))).astype(np.int64)
        for split, store in decoded.stores.items()
    }
    return dataclasses.replace(
        decoded,
        stores={split: store.select(chosen[split]) for split, store in decoded.stores.items()},
        traits={split: each.select(chosen[split]) for split, each in decoded.traits.items()},
        places={split: each[chosen[split]] for split, each in decoded.places.items()},
    )
