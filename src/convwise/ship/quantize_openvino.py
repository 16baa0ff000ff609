"""int8 by OpenVINO: NNCF measures the ranges of activations and puts FakeQuantize into the graph.

Where it does so is NNCF's choice for processors: before convolutions and dense layers, whose
weights get a scale for each filter (NNCF documentation, "Post-training quantization"). By its
default only the first layer's weights keep to 7 bits, see decision 15.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from convwise.model.trained import TrainedModel
from convwise.ship.extras import require, require_openvino
from convwise.ship.formats import openvino_contract, save_openvino
from convwise.ship.onnx_model import onnx_bytes
from convwise.ship.proof import Exported
from convwise.ship.quantize import Int8
from convwise.ship.runtimes import openvino_of


class OpenVinoInt8(Int8):
    """OpenVINO's own format in int8: an .xml with the graph and a .bin with the weights."""

    suffix: ClassVar[str] = ".xml"
    packages: ClassVar[tuple[str, ...]] = ("openvino", "nncf")
    extra: ClassVar[str] = "openvino"

    def write(self, model: TrainedModel, path: Path) -> None:
        """Quantise, and write both files."""
        openvino = require_openvino()
        with _quiet():
            nncf = require("nncf", "openvino")
            # Unlike read_model, this folds batch normalisation into convolutions; NNCF would
            # round between the two.
            folded = openvino.convert_model(io.BytesIO(onnx_bytes(model)))
            # From the least to the largest value of all images; means over images would cut off
            # what only some of them reach.
            estimators = importlib.import_module("nncf.quantization.range_estimator")
            made = nncf.quantize(
                folded,
                nncf.Dataset([image[np.newaxis] for image in self.calibration]),
                subset_size=len(self.calibration),
                advanced_parameters=nncf.AdvancedQuantizationParameters(
                    activations_range_estimator_params=(
                        estimators.RangeEstimatorParametersSet.MINMAX
                    )
                ),
            )
        save_openvino(made, model, path)

    def load(self, path: Path) -> Exported:
        """Load them into OpenVINO."""
        runtime = replace(openvino_of(path), name="openvino int8")
        return Exported.of(runtime, openvino_contract(path))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep NNCF's progress off standard output, where the command's own answer goes.

    Its log goes to what is standard output when it is imported: so that has to be done in here.
    """
    logger = logging.getLogger("nncf")
    before = logger.level
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            logger.setLevel(logging.CRITICAL)
            yield
    finally:
        logger.setLevel(before)
