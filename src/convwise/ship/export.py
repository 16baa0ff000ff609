"""Export: written aside, loaded in its own runtime, compared on files, only then put in place."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from convwise.errors import OptionError, RunError, StorageError
from convwise.evaluation.evaluate import SplitName
from convwise.model.trained import TrainedModel
from convwise.ship.formats import ExportFormat, Keras, Onnx, OpenVino, Torch
from convwise.ship.proof import Proof, prove
from convwise.ship.quantize import Int8, calibration_pixels
from convwise.ship.runtimes import runtime_of
from convwise.ship.web.folder import Web

FLOAT = "onnxruntime float32"
# A gain that is worth a second file and its check.
WORTH = 1.05
SUFFIXES = {
    "onnx": ".onnx",
    "openvino": ".xml",
    "int8": ".onnx",
    "torch": ".pt2",
    "keras": ".keras",
    # A folder.
    "web": "",
}
IN_BROWSER = "; tried in ONNX Runtime, whose WebAssembly build runs the same file in a browser"

Target = Literal["onnx", "openvino", "int8", "torch", "keras", "web"]


class ExportError(RunError):
    """What was written does not give the model's answers; it was removed again."""


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
    require_free(file, SUFFIXES[to])
    if to == "int8":
        pixels = calibration_pixels(model, data, cache, data_options)
        kind: ExportFormat = Int8(pixels)
        beside = [replace(runtime_of(model, "onnxruntime"), name=FLOAT)]
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
        verdict = int8_verdict(proof, max_loss) if to == "int8" else verdict_of(proof, to)
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


def verdict_of(proof: Proof, to: Target) -> str:
    """Return what was found in a sentence.

    Raises:
        ExportError: the file does not give the model's answers.
    """
    if proof.max_difference <= proof.tolerance and proof.agreement == 1.0:
        return (
            f"the same answers: probabilities within {proof.max_difference:.1e} on"
            f" {proof.to_dict()['files']:,} files, every label equal outside {_ties(proof)}"
            f"{IN_BROWSER if to == 'web' else ''}"
        )
    raise ExportError(
        f"the {to} file gives other answers in {proof.runtime}: probabilities differ by up to"
        f" {proof.max_difference:.1e} ({proof.tolerance:.0e} is allowed), and"
        f" {1 - proof.agreement:.1%} of the labels; it was removed. Please report this"
    )


def int8_verdict(proof: Proof, max_loss: float) -> str:
    """Return whether int8 is worth it, in a sentence.

    Raises:
        ExportError: it loses more accuracy than it may.
    """
    accuracy = proof.accuracy
    loss = -accuracy["difference"]
    low, high = accuracy["interval"]
    cost = (
        f"accuracy {100 * accuracy['difference']:+.2f} points (95 % interval {100 * low:+.2f} …"
        f" {100 * high:+.2f}, {accuracy['images']:,} images)"
    )
    if loss > max_loss:
        raise ExportError(
            f"don't: int8 costs more than --max-loss {100 * max_loss:g}% allows: {cost};"
            " it was removed. Keep the float32 export"
        )
    mine, plain = proof.seconds[proof.runtime_key], proof.seconds[FLOAT]
    gains = {batch: plain[batch] / mine[batch] for batch in mine}
    speeds = ", ".join(
        f"{gain:.2f} times as fast {'for one image' if batch == 1 else f'in batches of {batch}'}"
        for batch, gain in gains.items()
    )
    if max(gains.values()) < WORTH:
        return f"don't: int8 is not faster than float32 in ONNX Runtime here ({speeds}); {cost}"
    mixed = min(gains.values()) < 1
    return f"{'it depends' if mixed else 'worth it here'}: int8 is {speeds}; {cost}"


def _ties(proof: Proof) -> str:
    ties = proof.to_dict()["ties"]
    return "1 tie" if ties == 1 else f"{ties} ties"
