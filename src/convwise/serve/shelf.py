"""The models that are served, and how one takes another's place while requests come."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

from convwise.errors import ConvwiseError, did_you_mean
from convwise.serve.batching import OnBatch
from convwise.serve.logs import tell
from convwise.serve.metrics import Metrics
from convwise.serve.refusals import NoSuchModel
from convwise.serve.served_model import Batching, ServedModel, WantedRuntime, read_served


class Shelf:
    """Models by name. A request that has taken one keeps it until it is answered.

    Args:
        files: name → run folder or model file; the first is who answers when none is named.
        runtime: what computes; ``auto`` races once for each model, at the start.
        batching: how pictures are put together.
        executor: where models compute.
        on_batch: told of each batch.

    Raises:
        ModelFileError: a file cannot be opened.
        MissingExtraError: the runtime is not installed.
    """

    def __init__(
        self,
        files: Mapping[str, Path],
        runtime: WantedRuntime,
        *,
        batching: Batching,
        executor: Executor,
        on_batch: OnBatch = lambda size, seconds: None,
    ) -> None:
        self._files, self._batching = dict(files), batching
        self._executor, self._on_batch = executor, on_batch
        self._models = {name: self._read(name, runtime) for name in self._files}
        # Not where models compute: answers go on while a new one is read.
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="reader")
        self._reloading = asyncio.Lock()

    @property
    def names(self) -> list[str]:
        """Of all models, in the order in which they were given."""
        return list(self._models)

    @property
    def models(self) -> list[ServedModel]:
        """All models, in that order."""
        return list(self._models.values())

    def take(self, name: str | None) -> ServedModel:
        """Return a model as it is now; None stands for the first.

        Raises:
            NoSuchModel: there is none of that name.
        """
        if name is None:
            return next(iter(self._models.values()))
        found = self._models.get(name)
        if found is None:
            known = ", ".join(self._models)
            near = did_you_mean(name[:80], self._models)
            raise NoSuchModel(f"no model {name[:80]!r} is served{near or f'; there is {known}'}")
        return found

    async def reload(self, metrics: Metrics) -> None:
        """Read every file again, and put each model that could be read in its place.

        Where one cannot be read, the model that is there stays, and a line in the log says why.
        Each keeps the runtime that it has.
        """
        loop = asyncio.get_running_loop()
        async with self._reloading:
            for name, old in list(self._models.items()):
                try:
                    new = await loop.run_in_executor(self._reader, self._read, name, old.runtime)
                except (ConvwiseError, MemoryError) as error:
                    metrics.reloads.labels(name, "failed").inc()
                    tell("model not reloaded", logging.ERROR, model=name, error=str(error))
                    continue
                self._models[name] = new
                metrics.reloads.labels(name, "done").inc()
                tell("model reloaded", model=name, version=new.version, before=old.version)

    def close(self) -> None:
        """End the thread that reads."""
        self._reader.shutdown(wait=False, cancel_futures=True)

    def _read(self, name: str, runtime: WantedRuntime) -> ServedModel:
        return read_served(
            name,
            self._files[name],
            runtime,
            batching=self._batching,
            executor=self._executor,
            on_batch=self._on_batch,
        )
