"""int8 by ONNX Runtime: static quantisation with QuantizeLinear and DequantizeLinear in the graph.

Ranges of activations are measured on training images, weights have a scale for each filter, and
keep to 7 bits: on processors without VNNI the products of 8 bits overflow the 16 that they are
added in (ONNX Runtime documentation, "Quantize ONNX models", on U8S8 and ``reduce_range``).
"""

from __future__ import annotations

import contextlib
import logging
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from convwise.data.pixel_cache import PixelCache
from convwise.errors import DataError, OptionError
from convwise.evaluation.evaluate import read_as_for_training
from convwise.model.trained import TrainedModel
from convwise.ship.extras import require
from convwise.ship.formats import ExportFormat, onnx_contract
from convwise.ship.onnx_model import INPUT, OUTPUT, onnx_bytes
from convwise.ship.proof import Exported
from convwise.ship.runtimes import onnxruntime_of

CALIBRATION_IMAGES = 256
_BATCH = 32
# Scaling, temperature and softmax stay in float32: they cost little, and int8 would cost accuracy.
_IN_FLOAT = ("pixel_values", "pixel_scaled", "pixel_input", "calibrated", OUTPUT)


@dataclass(frozen=True, eq=False)
class Int8(ExportFormat):
    """A format in int8.

    Args:
        calibration: uint8 (images, height, width, channels) of training images.
    """

    packages: ClassVar[tuple[str, ...]]
    """That it cannot do without."""
    extra: ClassVar[str]
    """That installs them."""
    calibration: NDArray[np.uint8]


class OnnxInt8(Int8):
    """An ONNX file in int8, run by ONNX Runtime."""

    suffix: ClassVar[str] = ".onnx"
    packages: ClassVar[tuple[str, ...]] = ("onnx", "onnxruntime")
    extra: ClassVar[str] = "export"

    def write(self, model: TrainedModel, path: Path) -> None:
        """Quantise, and write one file."""
        path.write_bytes(quantised(onnx_bytes(model), self.calibration))

    def load(self, path: Path) -> Exported:
        """Load it into ONNX Runtime."""
        runtime = onnxruntime_of(path)
        return Exported.of(replace(runtime, name="onnxruntime int8"), onnx_contract(path))


def calibration_pixels(
    model: TrainedModel, data: str | Path | None, cache: bool, data_options: dict[str, Any]
) -> NDArray[np.uint8]:
    """Return training images, evenly spread, in the model's format.

    Raises:
        OptionError: there is no data set.
        DataError: it has no training images that can be read.
    """
    if data is None:
        raise OptionError("--to int8 is calibrated on training images: add --data")
    dataset = read_as_for_training(model, data, data_options, "train")
    dataset = replace(dataset, format=model.image_format)
    decoded = dataset.decode(cache=PixelCache.of_user() if cache else None)
    store = decoded.stores["train"]
    if not len(store):
        raise DataError(f"{data}: has no training image that can be read; int8 needs some")
    chosen = np.linspace(0, len(store) - 1, min(CALIBRATION_IMAGES, len(store)))
    return store.take(chosen.astype(np.int64))


def quantised(content: bytes, calibration: NDArray[np.uint8]) -> bytes:
    """Return an ONNX file in int8 of one in float32.

    Args:
        content: as ``onnx_model.onnx_bytes`` writes it.
        calibration: uint8 (images, height, width, channels).
    """
    onnx = require("onnx", "export")
    ort: Any = require("onnxruntime.quantization", "export")
    shapes = require("onnxruntime.quantization.shape_inference", "export")

    class Reader(ort.CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.batches = _batches(calibration)

        def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
            return next(self.batches, None)

    with tempfile.TemporaryDirectory(prefix="convwise-int8-") as folder, _quiet():
        source, folded, made = (Path(folder) / name for name in ("a.onnx", "b.onnx", "c.onnx"))
        source.write_bytes(content)
        # Batch normalisation is folded into convolutions, which int8 could not do afterwards.
        shapes.quant_pre_process(str(source), str(folded), skip_symbolic_shape=True)
        ort.quantize_static(
            str(folded),
            str(made),
            Reader(),
            quant_format=ort.QuantFormat.QDQ,
            activation_type=ort.QuantType.QUInt8,
            weight_type=ort.QuantType.QInt8,
            per_channel=True,
            reduce_range=True,
            nodes_to_exclude=list(_IN_FLOAT),
        )
        model = onnx.load(str(made))
    told = {each.key: each.value for each in onnx.load_from_string(content).metadata_props}
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, told)
    result: bytes = model.SerializeToString()
    return result


def _batches(calibration: NDArray[np.uint8]) -> Iterator[dict[str, NDArray[np.uint8]]]:
    for start in range(0, len(calibration), _BATCH):
        yield {INPUT: calibration[start : start + _BATCH]}


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the quantiser's advice, which is followed already, off the terminal."""
    logger = logging.getLogger()
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)
