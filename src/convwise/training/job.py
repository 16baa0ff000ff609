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
from convwise.evaluation.split import evaluate_split
from convwise.training.checkpoint import Checkpoint
from convwise.training.data_request import DataRequest
from convwise.training.decided import Decided, PrecisionChoice
from convwise.training.facts import measured_format, request_facts, result_facts
from convwise.training.fit import Fitted, fit_model
from convwise.training.interrupt import StopOnSignal
from convwise.training.keeper import RunKeeper, Saving
from convwise.training.progress import Watcher
from convwise.training.recipe import Recipe
from convwise.training.run import Run, RunFolder
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
    """

    name: str
    plan: Plan
    decoded: Decoded
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

    def __post_init__(self) -> None:
        if self.world.size > 1 and self.saving.on_nan == "retry":
            raise OptionError("--on-nan retry: only one process can go back; use stop")

    def start(self, path: Path) -> Run:
        """Train, in a folder that does not exist yet."""
        image_format = measured_format(self.decoded)
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
                        image_format=image_format,
                        asked=self.recipe,
                        decided=decided,
                        seed=self.seed,
                        saving=self.saving,
                        ranks=self.world.size,
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
        with self._stop() as stop:
            try:
                fitted = self._fit(stop, resume, keeper=keeper, on_start=on_start)
                if fitted.ending == "interrupted":
                    self.watcher.message(f"checkpoint kept; go on with: {keeper.command}")
                run = self._finish(folder, facts, fitted)
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
            self._fit(stop, resume)

    def _stop(self) -> StopOnSignal:
        return StopOnSignal.told_to(
            self.watcher, self.signals, echo=ECHO if self.world.size > 1 else 0.0
        )

    def _fit(
        self, stop: StopOnSignal, resume: tuple[Decided, Checkpoint] | None, **hooks: Any
    ) -> Fitted:
        return fit_model(
            self.plan,
            self.decoded.stores["train"],
            self.decoded.stores["validation"],
            image_format=measured_format(self.decoded),
            classes=self.decoded.dataset.classes,
            name=self.name,
            recipe=self.recipe,
            seed=self.seed,
            precision=self.precision,
            watcher=self.watcher,
            data_options=self.decoded.dataset.options,
            fuse=self.fuse,
            stop=stop,
            resume=resume,
            world=self.world,
            **hooks,
        )

    def _finish(self, folder: RunFolder, facts: dict[str, Any], fitted: Fitted) -> Run:
        """Write the model and what it is worth."""
        stores = self.decoded.stores
        folder.write_model(fitted.model)
        self.watcher.message("scoring the test split, once")
        test = evaluate_split(fitted.model, stores["test"])
        validation = evaluate_split(fitted.model, stores["validation"], shift_images=0)
        facts = facts | {
            "status": fitted.ending,
            "setbacks": [setback.to_dict() for setback in fitted.setbacks],
            "result": result_facts(fitted, test, validation),
        }
        folder.write_results(test, validation, fitted.model.classes)
        folder.write_json("run.json", facts)
        folder.seal()
        model, history = fitted.model, fitted.history
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
