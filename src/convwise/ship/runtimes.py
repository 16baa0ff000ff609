"""What can answer for a model: torch, or ONNX Runtime and OpenVINO with the exported graph.

Each is a function from uint8 (images, height, width, channels) to float32 probabilities.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from convwise.data.cores import usable_cores
from convwise.errors import ModelFileError, OptionError
from convwise.evaluation.predict import (
    BF16_TOLERANCE,
    LARGEST_BATCH,
    PICTURES_TO_CHECK,
    Answer,
    PredictionPrecision,
    Predictor,
)
from convwise.model.trained import TrainedModel
from convwise.ship.extras import is_installed, require, require_openvino
from convwise.ship.onnx_model import INPUT, OUTPUT, onnx_bytes

RuntimeName = Literal["torch", "onnxruntime", "openvino"]
TITLES = {"torch": "torch", "onnxruntime": "ONNX Runtime", "openvino": "OpenVINO"}

RACE_SECONDS = 1.0
# Only a clear winner is worth leaving torch, whose answers are those of the training's figures.
CLEARLY = 0.95


@dataclass(frozen=True)
class Runtime:
    """A model that is ready to answer.

    Args:
        name: which runtime.
        answer: takes pixels of the model's format, any number of them, and gives probabilities.
        raw: the runtime's own object behind it, for ONNX Runtime and OpenVINO.
    """

    name: str
    answer: Answer
    raw: Any = None


def torch_runtime(model: TrainedModel, precision: PredictionPrecision = "fp32") -> Runtime:
    """Return the network itself, made ready once."""
    return Runtime("torch", Predictor(model, precision).probabilities)


def onnxruntime_of(file: Path | bytes, threads: int | None = None) -> Runtime:
    """Load an ONNX file into ONNX Runtime.

    Raises:
        MissingExtraError: ``onnxruntime`` is not installed.
        ModelFileError: it cannot be loaded.
    """
    onnxruntime = require("onnxruntime", "export")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or usable_cores()
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(
            file if isinstance(file, bytes) else str(file),
            options,
            providers=["CPUExecutionProvider"],
        )
    except Exception as error:  # of a binding, whose errors share no type
        raise ModelFileError(f"ONNX Runtime does not load it: {str(error)[:300]}") from None

    def run(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        found: NDArray[np.float32] = session.run([OUTPUT], {INPUT: pixels})[0]
        return found

    return Runtime("onnxruntime", in_batches(run), session)


def openvino_of(
    file: Path | bytes, threads: int | None = None, precision: PredictionPrecision = "fp32"
) -> Runtime:
    """Load an ONNX file, or the .xml of an OpenVINO model, into OpenVINO.

    Args:
        file: or its content.
        threads: that compute; all cores unless given.
        precision: that it computes in, other than int8, which stands in the file.

    Raises:
        MissingExtraError: ``openvino`` is not installed.
        ModelFileError: it cannot be loaded.
        OptionError: the processor has no arithmetic for bf16.
    """
    openvino = require_openvino()
    settings: dict[str, Any] = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads or usable_cores(),
        # Left to itself, it takes bf16 wherever the processor has it, which is other answers.
        "INFERENCE_PRECISION_HINT": {"fp32": "f32", "bf16": "bf16"}[precision],
    }
    try:
        core = openvino.Core()
        able = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        compiled = core.compile_model(core.read_model(file), "CPU", settings)
    except Exception as error:  # of a binding, whose errors share no type
        raise ModelFileError(f"OpenVINO does not load it: {str(error)[:300]}") from None
    if precision == "bf16" and "BF16" not in able:
        raise OptionError("precision 'bf16': OpenVINO finds no arithmetic for it here; use fp32")

    def run(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        found: NDArray[np.float32] = compiled(np.ascontiguousarray(pixels))[0]
        return found

    return Runtime("openvino", in_batches(run), compiled)


def in_batches(run: Answer) -> Answer:
    """Return a function that asks ``run`` for at most LARGEST_BATCH pictures at a time.

    Example:
        >>> seen = []
        >>> answer = in_batches(lambda pixels: seen.append(len(pixels)) or pixels[:, 0, 0])
        >>> answer(np.zeros((300, 1, 1, 1), np.uint8)).shape, seen
        ((300, 1), [256, 44])
    """

    def answer(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        if len(pixels) <= LARGEST_BATCH:
            return run(pixels)
        starts = range(0, len(pixels), LARGEST_BATCH)
        return np.concatenate([run(pixels[start : start + LARGEST_BATCH]) for start in starts])

    return answer


def runtime_of(
    model: TrainedModel, name: RuntimeName, precision: PredictionPrecision = "fp32"
) -> Runtime:
    """Return a runtime that answers for a model.

    Args:
        model: what answers.
        name: which runtime.
        precision: ``bf16`` is for torch and OpenVINO.

    Raises:
        MissingExtraError: it, or ``onnx``, is not installed.
        OptionError: it does not compute in that precision, or not rightly.
    """
    if name == "torch":
        return torch_runtime(model, precision)
    content = onnx_bytes(model)
    if precision == "fp32":
        return onnxruntime_of(content) if name == "onnxruntime" else openvino_of(content)
    if name == "onnxruntime":
        raise OptionError("precision 'bf16': ONNX Runtime computes in fp32 here; use openvino")
    coarse = openvino_of(content, precision=precision)
    _require_agreement(coarse, openvino_of(content), model)
    return coarse


def _require_agreement(coarse: Runtime, exact: Runtime, model: TrainedModel) -> None:
    shape = (PICTURES_TO_CHECK, *model.image_format.shape)
    pictures = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    ours, theirs = (_centred_logits(each.answer(pictures), model) for each in (coarse, exact))
    error = np.abs(ours - theirs).max()
    if not error <= BF16_TOLERANCE * np.abs(theirs).max():
        raise OptionError(
            f"precision 'bf16': {model.name} is not computed rightly in it by {coarse.name} here,"
            f" its logits are off by {error:.2g}; use fp32"
        )


def _centred_logits(probabilities: NDArray[np.float32], model: TrainedModel) -> NDArray[np.float64]:
    """Return the logits behind probabilities, up to what softmax does not see."""
    floor = np.finfo(np.float32).tiny
    logs = model.temperature * np.log(np.maximum(probabilities.astype(np.float64), floor))
    centred: NDArray[np.float64] = logs - logs.mean(axis=1, keepdims=True)
    return centred


@dataclass(frozen=True)
class RaceOutcome:
    """What a race of runtimes found.

    Args:
        chosen: the runtime to use.
        seconds: of a batch, by runtime, the median.
        batch: images in it.
    """

    chosen: Runtime
    seconds: dict[str, float]
    batch: int

    def sentence(self) -> str:
        """Say what was chosen and why."""
        speeds = ", ".join(
            f"{name} {self.batch / seconds:,.0f}" for name, seconds in self.seconds.items()
        )
        return f"runtime {self.chosen.name}: raced on batches of {self.batch}, images/s: {speeds}"


def race(model: TrainedModel, *, batch: int = 64, seconds: float = RACE_SECONDS) -> RaceOutcome:
    """Time every runtime that is installed on the model itself, and choose the quickest.

    torch is chosen unless another takes less than 95 % of its time.

    Args:
        model: what is asked.
        batch: images that are asked about at once.
        seconds: time for the whole race, after each runtime's first answer.
    """
    runtimes = [torch_runtime(model)]
    if is_installed("onnx"):
        others: tuple[RuntimeName, ...] = ("onnxruntime", "openvino")
        runtimes += [runtime_of(model, name) for name in others if is_installed(name)]
    pixels = np.random.default_rng(0).integers(
        0, 256, (batch, *model.image_format.shape), dtype=np.uint8
    )
    found = time_together(runtimes, pixels, seconds)
    best = min(found, key=lambda name: found[name])
    if found[best] > CLEARLY * found["torch"]:
        best = "torch"
    return RaceOutcome(next(each for each in runtimes if each.name == best), found, batch)


def time_together(
    runtimes: list[Runtime], pixels: NDArray[np.uint8], seconds: float
) -> dict[str, float]:
    """Return the median seconds that each runtime takes for the pixels; they take turns."""
    for runtime in runtimes:
        runtime.answer(pixels)
    taken: dict[str, list[float]] = {runtime.name: [] for runtime in runtimes}
    end = time.perf_counter() + seconds
    while not taken[runtimes[0].name] or time.perf_counter() < end:
        for runtime in runtimes:
            start = time.perf_counter()
            runtime.answer(pixels)
            taken[runtime.name].append(time.perf_counter() - start)
    return {name: float(np.median(times)) for name, times in taken.items()}
