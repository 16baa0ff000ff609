"""Export: written aside, loaded in its own runtime, compared on files, only then put in place."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from convwise.errors import OptionError, StorageError
from convwise.evaluation.evaluate import SplitName
from convwise.model.trained import TrainedModel
from convwise.ship.extras import require_installed
from convwise.ship.formats import ExportFormat, Keras, Onnx, OpenVino, Torch
from convwise.ship.proof import Proof, prove
from convwise.ship.quantize import Int8, OnnxInt8, calibration_pixels
from convwise.ship.quantize_openvino import OpenVinoInt8
from convwise.ship.runtimes import runtime_of
from convwise.ship.verdict import in_float, int8_verdict, verdict_of
from convwise.ship.web.folder import Web

SUFFIXES = {
    "onnx": ".onnx",
    "openvino": ".xml",
    "torch": ".pt2",
    "keras": ".keras",
    # A folder.
    "web": "",
}

Target = Literal["onnx", "openvino", "int8", "torch", "keras", "web"]
Int8Runtime = Literal["onnxruntime", "openvino"]
INT8: dict[str, type[Int8]] = {"onnxruntime": OnnxInt8, "openvino": OpenVinoInt8}


@dataclass(frozen=True)
class Export:
    """A file that was written and tried.

    Args:
        file: where it lies; other files of the same stem may belong to it. For ``web`` a folder.
        proof: what was found when it was tried.
        verdict: the same in a sentence.
    """

    file: Path
    proof: Proof
    verdict: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values: ``file``, ``verdict`` and those of the proof."""
        return {"file": str(self.file), "verdict": self.verdict, **self.proof.to_dict()}


def export(
    model: TrainedModel,
    to: Target,
    file: str | Path,
    *,
    data: str | Path | None = None,
    split: SplitName = "test",
    max_loss: float = 0.01,
    runtime: Int8Runtime | None = None,
    resize_inside: bool = False,
    cache: bool = True,
    **data_options: Any,
) -> Export:
    """Write a model in another format, and prove that it gives the same answers.

    Args:
        model: what to export.
        to: the format.
        file: does not exist yet; its folder does.
        data: a data set to score the model and the file on. ``int8`` needs it, for its training
            images; other formats are always tried on files of every kind, too.
        split: of the data set, to be scored on.
        max_loss: the loss of accuracy, 0…1, that ``int8`` may cost.
        runtime: what shall run ``int8``, and whose format it gets; ONNX Runtime unless given.
        resize_inside: let an ONNX graph take pictures of any size; those of ``data`` still come in
            the model's size.
        cache: take decoded pixels from the user's cache, and keep them there.
        **data_options: passed to ``load_data``.

    Raises:
        OptionError: something stands at ``file``, or an option cannot be used.
        MissingExtraError: a package is missing; says the ``pip install`` line.
        ExportError: the file does not give the model's answers. It was removed.
        StorageError: it could not be written.
    """
    file = Path(file)
    if runtime is not None and to != "int8":
        raise OptionError(f"--runtime {runtime}: only --to int8 has a choice, not --to {to}")
    runtime = runtime or "onnxruntime"
    if runtime not in INT8:
        raise OptionError(f"--runtime {runtime}: int8 is for {' or '.join(INT8)}")
    require_free(file, suffix_of(to, runtime))
    if to == "int8":
        # Before the data set is read, which may take long.
        require_installed(INT8[runtime].packages, INT8[runtime].extra)
        pixels = calibration_pixels(model, data, cache, data_options)
        kind: ExportFormat = INT8[runtime](pixels)
        beside = [replace(runtime_of(model, runtime), name=in_float(runtime))]
    else:
        kind, beside = _format(to, resize_inside), []
    aside = _folder_beside(file)
    try:
        path = aside / (file.stem + kind.suffix)
        try:
            kind.write(model, path)
        except OSError as error:
            raise StorageError(f"cannot write {file}: {error.strerror or error}") from None
        proof = prove(
            model,
            kind.load(path),
            data=data,
            split=split,
            size=sum(each.stat().st_size for each in aside.rglob("*") if each.is_file()),
            data_options=data_options,
            cache=cache,
            beside=beside,
        )
        verdict = int8_verdict(proof, max_loss, runtime) if to == "int8" else verdict_of(proof, to)
        if to == "web":
            _put_folder(path, file)
        else:
            for each in sorted(aside.iterdir()):
                _put(each, file if each == path else file.with_suffix(each.suffix))
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return Export(file, proof, verdict)


def _format(to: Target, resize_inside: bool) -> ExportFormat:
    if resize_inside and to != "onnx":
        raise OptionError(f"--resize-inside: only --to onnx can, not --to {to}")
    match to:
        case "onnx":
            return Onnx(resize_inside)
        case "openvino":
            return OpenVino()
        case "torch":
            return Torch()
        case "keras":
            return Keras()
        case "web":
            return Web()
    raise OptionError(f"--to {to}: use onnx, openvino, int8, torch, keras or web")


def suffix_of(to: Target, runtime: Int8Runtime | None = None) -> str:
    """Return how the name of a format's file ends; a folder's name ends anyhow.

    Example:
        >>> suffix_of("int8"), suffix_of("int8", "openvino")
        ('.onnx', '.xml')
    """
    return INT8[runtime or "onnxruntime"].suffix if to == "int8" else SUFFIXES[to]


def require_free(file: Path, suffix: str) -> None:
    """Check that an export may be written to ``file``.

    Raises:
        OptionError: something stands there, or its folder does not exist.
    """
    if suffix and file.suffix != suffix:
        raise OptionError(f"--out {file}: the name of this format ends in {suffix}")
    if not file.parent.is_dir():
        raise OptionError(f"--out {file}: the folder {file.parent} does not exist; make it first")
    beside = [file, file.with_suffix(".bin")] if suffix == ".xml" else [file]
    for each in beside:
        if os.path.lexists(each):
            raise OptionError(f"{each} exists; files are never overwritten, choose --out")


def _folder_beside(file: Path) -> Path:
    try:
        return Path(tempfile.mkdtemp(prefix=f".{file.stem}-", dir=file.parent))
    except OSError as error:
        raise StorageError(f"cannot write {file}: {error.strerror or error}") from None


def _put(source: Path, target: Path) -> None:
    """Move a file to a name that nothing has taken meanwhile."""
    try:
        os.link(source, target)
    except FileExistsError:
        raise OptionError(f"{target} exists; files are never overwritten, choose --out") from None
    except OSError:  # a file system without links
        source.replace(target)


def _put_folder(source: Path, target: Path) -> None:
    """Move a folder to a name that nothing has taken meanwhile."""
    if os.path.lexists(target):
        raise OptionError(f"{target} exists; files are never overwritten, choose --out")
    try:
        source.rename(target)
    except OSError as error:
        raise StorageError(f"cannot write {target}: {error.strerror or error}") from None
