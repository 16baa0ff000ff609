"""Ways to write a trained model: what each is called, how it is written, how it is loaded."""

from __future__ import annotations

import importlib
import json
import os
import zipfile
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from convwise.errors import ModelFileError
from convwise.model.trained import TrainedModel
from convwise.ship.extras import is_installed, require, require_openvino
from convwise.ship.keras_file import CONTRACT, keras_bytes
from convwise.ship.keras_import import import_keras
from convwise.ship.onnx_model import METADATA_KEY, contract, onnx_bytes
from convwise.ship.proof import Exported
from convwise.ship.runtimes import (
    Runtime,
    in_batches,
    onnxruntime_of,
    openvino_of,
    torch_runtime,
)


class ExportFormat(ABC):
    """One way to write a model."""

    suffix: ClassVar[str]
    """Of the file that is named to the user."""

    @abstractmethod
    def write(self, model: TrainedModel, path: Path) -> None:
        """Write the file, and what must lie beside it under the same stem."""

    @abstractmethod
    def load(self, path: Path) -> Exported:
        """Load what was written into its own runtime."""


@dataclass(frozen=True)
class Onnx(ExportFormat):
    """An ONNX file, run by ONNX Runtime.

    Args:
        resize_inside: the graph takes pictures of any size.
    """

    suffix: ClassVar[str] = ".onnx"
    resize_inside: bool = False

    def write(self, model: TrainedModel, path: Path) -> None:
        """Write one file, weights inside."""
        path.write_bytes(onnx_bytes(model, resize_inside=self.resize_inside))

    def load(self, path: Path) -> Exported:
        """Load it into ONNX Runtime."""
        return Exported.of(onnxruntime_of(path), onnx_contract(path))


@dataclass(frozen=True)
class OpenVino(ExportFormat):
    """OpenVINO's own format: an .xml with the graph and a .bin with the weights, in float32."""

    suffix: ClassVar[str] = ".xml"

    def write(self, model: TrainedModel, path: Path) -> None:
        """Write both files."""
        save_openvino(require_openvino().Core().read_model(onnx_bytes(model)), model, path)

    def load(self, path: Path) -> Exported:
        """Load them into OpenVINO."""
        return Exported.of(openvino_of(path), openvino_contract(path))


@dataclass(frozen=True)
class Torch(ExportFormat):
    """A ``torch.export`` program, which torch loads without convwise."""

    suffix: ClassVar[str] = ".pt2"

    def write(self, model: TrainedModel, path: Path) -> None:
        """Write one file."""
        pixels = torch.zeros((2, *model.image_format.shape), dtype=torch.uint8)
        batch = torch.export.Dim("batch", min=1)
        program = torch.export.export(
            PixelsToProbabilities(model).eval(), (pixels,), dynamic_shapes=({0: batch},)
        )
        told = {METADATA_KEY: json.dumps(contract(model))}
        torch.export.save(program, path, extra_files=told)

    def load(self, path: Path) -> Exported:
        """Load it with ``torch.export.load``."""
        told: dict[str, Any] = {METADATA_KEY: ""}
        module = torch.export.load(path, extra_files=told).module()

        def run(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
            with torch.inference_mode():
                found: NDArray[np.float32] = module(torch.from_numpy(pixels.copy())).numpy()
            return found

        return Exported.of(Runtime("torch", in_batches(run)), json.loads(told[METADATA_KEY]))


@dataclass(frozen=True)
class Keras(ExportFormat):
    """A .keras archive, run by Keras on torch, or read back by convwise where Keras is missing."""

    suffix: ClassVar[str] = ".keras"

    def write(self, model: TrainedModel, path: Path) -> None:
        """Write one file."""
        path.write_bytes(keras_bytes(model))

    def load(self, path: Path) -> Exported:
        """Load it with Keras, or with :func:`import_keras`."""
        with zipfile.ZipFile(path) as archive:
            told = json.loads(archive.read(CONTRACT))
        if not is_installed("keras"):
            read = import_keras(path)
            return Exported.of(Runtime("convwise's own reader", torch_runtime(read).answer), told)
        # Keras reads its backend once; one that somebody has chosen is left alone.
        os.environ.setdefault("KERAS_BACKEND", "torch")
        keras = importlib.import_module("keras")
        loaded = keras.saving.load_model(path, compile=False)

        def run(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
            found: NDArray[np.float32] = loaded.predict_on_batch(pixels)
            return found

        return Exported.of(Runtime("keras", in_batches(run)), told)


class PixelsToProbabilities(nn.Module):
    """The network with its preprocessing, temperature and softmax, in torch.

    Args:
        model: whose weights are shared.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, model: TrainedModel) -> None:
        super().__init__()
        self.network, self.temperature = model.network, model.temperature
        self.register_buffer("mean", torch.tensor(model.image_format.mean))
        self.register_buffer("std", torch.tensor(model.image_format.std))

    def forward(self, pixels: Tensor) -> Tensor:
        """uint8 (batch, height, width, channels) → float32 (batch, classes)."""
        x = (pixels.to(torch.float32) / 255.0 - self.mean) / self.std
        logits: Tensor = self.network(x.permute(0, 3, 1, 2))
        return torch.softmax(logits / self.temperature, dim=1)


def onnx_contract(path: Path) -> dict[str, Any]:
    """Return what an ONNX file of convwise says of itself.

    Raises:
        ModelFileError: it says nothing.
    """
    onnx = require("onnx", "export")
    for entry in onnx.load(str(path), load_external_data=False).metadata_props:
        if entry.key == METADATA_KEY:
            found = json.loads(entry.value)
            if isinstance(found, dict):
                return found
    raise ModelFileError(f"{path} tells no classes and no image format; convwise did not write it")


def save_openvino(made: Any, model: TrainedModel, path: Path) -> None:
    """Write an ``openvino.Model``, with what convwise says of it, as an .xml and a .bin."""
    made.set_rt_info(json.dumps(contract(model)), [METADATA_KEY])
    require_openvino().save_model(made, str(path), compress_to_fp16=False)


def openvino_contract(path: Path) -> dict[str, Any]:
    """Return what an OpenVINO model of convwise says of itself."""
    told = require_openvino().Core().read_model(str(path)).get_rt_info([METADATA_KEY])
    found: dict[str, Any] = json.loads(told.astype(str) if hasattr(told, "astype") else str(told))
    return found
