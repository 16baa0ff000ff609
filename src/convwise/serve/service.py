"""What a server holds while it runs, and the way of an image through it."""

from __future__ import annotations

import asyncio
import gc
import logging
import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convwise.serve.admission import Admission
from convwise.serve.decoders import DecoderPool
from convwise.serve.explanation import class_map
from convwise.serve.limits import Limits
from convwise.serve.logs import tell
from convwise.serve.metrics import Metrics, resident_bytes
from convwise.serve.refusals import Unavailable
from convwise.serve.served_model import ServedModel
from convwise.serve.settings import Settings
from convwise.serve.shelf import Shelf
from convwise.serve.upload import Upload


class Service:
    """Models, decoders and counts of one server.

    Args:
        settings: what is served, and how.

    Raises:
        ModelFileError: a model cannot be opened.
        MissingExtraError: the runtime is not installed.
    """

    def __init__(self, settings: Settings) -> None:
        self.limits: Limits = settings.limits
        self.metrics = Metrics()
        self.admission = Admission(settings.limits)
        # One thread: models take turns on the processor's cores, each with all of them.
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="model")
        self.shelf = Shelf(
            settings.models,
            settings.runtime,
            batching=settings.batching,
            executor=self._executor,
            on_batch=self.metrics.batch,
        )
        self.pool = DecoderPool(settings.decoders, settings.limits, self._decoder_ended)
        self._decoders = settings.decoders
        self.draining = False
        self.started = False
        self.memory_cap = 0

    async def start(self) -> None:
        """Start the decoders.

        Raises:
            RunError: they do not start.
        """
        await self.pool.start()
        # What is there now stays; the collector need not look at it again and again.
        gc.collect()
        gc.freeze()
        largest = max(math.prod(each.image_format.shape) for each in self.shelf.models)
        weights = sum(_weight_bytes(each) for each in self.shelf.models)
        # A model that is being replaced is there twice.
        at_rest = resident_bytes(self.pool.pids) + 2 * weights
        self.memory_cap = self.limits.memory_cap(at_rest, self._decoders, largest)
        self.metrics.cap.set(self.memory_cap)
        self.started = True

    async def close(self) -> None:
        """End decoders and threads; what has not been answered is cancelled."""
        self.started = False
        await self.pool.close()
        self.shelf.close()
        self._executor.shutdown(wait=False, cancel_futures=True)

    async def reload(self) -> None:
        """Read every model file again; see :meth:`Shelf.reload`."""
        await self.shelf.reload(self.metrics)

    def not_ready(self) -> str | None:
        """Return why no request should be sent now; None where they should."""
        if self.draining:
            return "the server is stopping"
        if not self.started:
            return "the server is starting"
        return None if self.pool.pids else "no decoder runs"

    async def predict(
        self, served: ServedModel, uploads: list[Upload], top: int, *, explain: bool
    ) -> list[dict[str, Any]]:
        """Return an answer, or an error, for each image, in order.

        Args:
            served: who is asked.
            uploads: the images.
            top: how many classes to name.
            explain: whether to add a class map to each.

        Raises:
            Unavailable: it takes too long.
        """
        try:
            async with asyncio.timeout(self.limits.answer_seconds):
                if len(uploads) == 1:
                    found = [await self._one(served, uploads[0], top, explain)]
                else:
                    found = await asyncio.gather(
                        *(self._one(served, upload, top, explain) for upload in uploads)
                    )
        except TimeoutError:
            raise Unavailable(
                f"no answer within {self.limits.answer_seconds:g} s; try again later",
                self.admission.seconds_until_free(),
            ) from None
        failed = sum("error" in each for each in found)
        self.metrics.images(served.name, len(found) - failed, failed)
        self.admission.answered(len(found))
        return found

    async def _one(
        self, served: ServedModel, upload: Upload, top: int, explain: bool
    ) -> dict[str, Any]:
        pixels: NDArray[np.uint8] | str = ""
        served.batcher.expect()
        try:
            pixels = await self.pool.decode(upload.content, served.image_format)
        finally:
            if isinstance(pixels, str):
                served.batcher.forget()
        if isinstance(pixels, str):
            return {"file": upload.name, "error": pixels}
        row = await served.batcher.ask(pixels)
        if not np.isfinite(row).all():
            return {"file": upload.name, "error": "the network's answer is no finite number"}
        found = {"file": upload.name, **_named(served, row, top)}
        if explain:
            found["explanation"] = await asyncio.get_running_loop().run_in_executor(
                self._executor, class_map, served.model, pixels, int(row.argmax())
            )
        return found

    def _decoder_ended(self, reason: str) -> None:
        self.metrics.restarts.inc()
        tell("decoder ended", logging.WARNING, reason=reason)


def _named(served: ServedModel, row: NDArray[np.float32], top: int) -> dict[str, Any]:
    order = np.argsort(-row, kind="stable")[:top].tolist()
    classes, values = served.model.classes, row.tolist()
    return {
        "label": classes[order[0]],
        "probability": values[order[0]],
        "probabilities": {classes[place]: values[place] for place in order},
    }


def _weight_bytes(served: ServedModel) -> int:
    tensors = served.model.network.state_dict().values()
    return sum(each.numel() * each.element_size() for each in tensors)
