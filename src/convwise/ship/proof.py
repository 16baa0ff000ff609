"""Whether an exported file gives the model's answers, on picture files and in its own runtime."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from convwise.data.decode import decode_image, read_header
from convwise.data.render import render
from convwise.errors import ModelFileError
from convwise.evaluation.evaluate import SplitName, evaluate
from convwise.evaluation.paired import PairedCounts, difference_interval
from convwise.image import ImageFormat
from convwise.model.trained import TrainedModel
from convwise.ship.probe import write_probes
from convwise.ship.runtimes import Runtime, time_together, torch_runtime

TOLERANCE = 1e-4
"""The largest difference between probabilities that an export in float32 may have."""
RESIZE_TOLERANCE = 1e-2
"""The same where the graph resizes: a level of a pixel may be rounded the other way."""
BATCHES = (1, 32, 256)
SECONDS = 1.0
# So many values may stand behind one layer while a batch is timed: 1 GiB of float32.
_MOST_VALUES = 2**28


@dataclass(frozen=True)
class Exported:
    """An exported file as its own runtime sees it.

    Args:
        runtime: loaded from the file.
        image_format: as the file tells it.
        classes: as the file tells them.
        resizes: it takes pictures of any size.
    """

    runtime: Runtime
    image_format: ImageFormat
    classes: tuple[str, ...]
    resizes: bool = False

    @classmethod
    def of(cls, runtime: Runtime, contract: Mapping[str, Any]) -> Exported:
        """Read the contract that lies in the file.

        Raises:
            ModelFileError: it has none.
        """
        try:
            image_format = ImageFormat.from_dict(contract["image_format"])
            classes = tuple(contract["classes"])
            return cls(runtime, image_format, classes, contract.get("resize_inside") is True)
        except (KeyError, TypeError, ValueError) as error:
            raise ModelFileError(f"the file does not tell its image format ({error})") from None


@dataclass(frozen=True)
class Agreement:
    """How far two sets of answers to the same files are apart.

    Args:
        files: how many.
        max_difference: the largest between two probabilities.
        agreement: share of equal labels among the files that are no tie.
        ties: files whose two best classes are as near as the tolerance may move them.
    """

    files: int
    max_difference: float
    agreement: float
    ties: int

    @classmethod
    def of(
        cls,
        ours: NDArray[np.float32],
        theirs: NDArray[np.float32],
        tolerance: float = TOLERANCE,
    ) -> Agreement:
        """Compare float32 (files, classes) probabilities, which may differ by a tolerance.

        Example:
            >>> ours = np.array([[0.9, 0.1], [0.50001, 0.49999]], np.float32)
            >>> Agreement.of(ours, ours[:, ::-1][::-1]).ties
            1
        """
        best = np.sort(ours, axis=1)
        clear = best[:, -1] - best[:, -2] > 2 * tolerance
        same = ours.argmax(axis=1) == theirs.argmax(axis=1)
        difference = float(np.abs(ours - theirs).max()) if np.isfinite(theirs).all() else math.inf
        share = float(same[clear].mean()) if clear.any() else 1.0
        return cls(len(ours), difference, share, int((~clear).sum()))


@dataclass(frozen=True)
class Proof:
    """What was found when an exported file was tried.

    Args:
        runtime: that ran it.
        probes: agreement on files of every kind.
        data: agreement on the evaluation data; None where there was none.
        accuracy: ``reference``, ``exported``, ``difference``, ``interval`` of the difference
            (95 %, paired) and ``images``; empty without data.
        seconds: runtime → batch → median seconds; ``torch`` and the exported file's.
        size: of the file or files, bytes.
        reference_size: bytes of the weights in float32.
        tolerance: the largest difference that the probabilities may have.
    """

    runtime: str
    probes: Agreement
    data: Agreement | None = None
    accuracy: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, dict[int, float]] = field(default_factory=dict)
    size: int = 0
    reference_size: int = 0
    tolerance: float = TOLERANCE

    @property
    def max_difference(self) -> float:
        """The largest between two probabilities, on any file."""
        return max(each.max_difference for each in self._all)

    @property
    def agreement(self) -> float:
        """The smaller share of equal labels outside ties."""
        return min(each.agreement for each in self._all)

    @property
    def _all(self) -> list[Agreement]:
        return [each for each in (self.probes, self.data) if each is not None]

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values; ``latency`` in milliseconds, ``throughput`` in images/s."""
        mine = self.seconds.get(self.runtime_key, {})
        theirs = self.seconds.get("torch", {})
        return {
            "runtime": self.runtime,
            "max_difference": self.max_difference,
            "agreement": self.agreement,
            "latency": 1e3 * mine[1] if 1 in mine else None,
            "throughput": {str(batch): batch / mine[batch] for batch in mine if batch > 1},
            "torch_latency": 1e3 * theirs[1] if 1 in theirs else None,
            "torch_throughput": {
                str(batch): batch / theirs[batch] for batch in theirs if batch > 1
            },
            "files": sum(each.files for each in self._all),
            "ties": sum(each.ties for each in self._all),
            "accuracy": self.accuracy or None,
            "size": self.size,
            "torch_size": self.reference_size,
        }

    @property
    def runtime_key(self) -> str:
        """Under which name the exported file was timed."""
        return next((name for name in self.seconds if name != "torch"), "torch")


def prove(
    model: TrainedModel,
    exported: Exported,
    *,
    data: str | Path | None = None,
    split: SplitName = "test",
    size: int = 0,
    data_options: Mapping[str, Any] | None = None,
    cache: bool = True,
    beside: Sequence[Runtime] = (),
) -> Proof:
    """Ask the model and the exported file about the same files.

    Each decodes them by the image format that it carries itself.

    Args:
        model: the reference, computed by torch.
        exported: loaded from what was written.
        data: a data set to score both on, read as :func:`convwise.evaluate` does.
        split: of the data set.
        size: of what was written, bytes.
        data_options: passed to ``load_data``.
        cache: see :func:`convwise.evaluate`.
        beside: what else is timed in the same rounds.

    Raises:
        ModelFileError: the file tells other classes than the model has.
        DataError: the data cannot be read.
    """
    if exported.classes != model.classes:
        raise ModelFileError("the exported file tells other classes than the model has")
    found: dict[str, Any] = {}
    if data is not None:
        options = {"split": split, "shift_images": 0, "cache": cache, **(data_options or {})}
        reference = evaluate(model, data, **options)
        its = replace(model, image_format=exported.image_format)
        theirs = evaluate(its, data, answer=exported.runtime.answer, **options)
        found["data"] = Agreement.of(reference.probabilities, theirs.probabilities)
        found["accuracy"] = paired_accuracy(
            reference.labels, reference.probabilities, theirs.probabilities
        )
    return Proof(
        exported.runtime.name,
        probes_agreement(model, exported),
        seconds=_timings(model, [exported.runtime, *beside]),
        size=size,
        tolerance=_tolerance(exported),
        reference_size=4 * model.network.plan.total_params,
        **found,
    )


def probes_agreement(model: TrainedModel, exported: Exported) -> Agreement:
    """Compare the answers to files of every kind that convwise reads."""
    with tempfile.TemporaryDirectory(prefix="convwise-probes-") as folder:
        files = write_probes(Path(folder), model.image_format)
        if exported.resizes:
            whole = [_whole(file, exported.image_format) for file in files]
            theirs = np.concatenate([exported.runtime.answer(each[None]) for each in whole])
            # convwise decodes large JPEG files at a fraction of their size; this graph never can.
            pixels = np.stack([_rendered(each, model.image_format) for each in whole])
        else:
            pixels = _decoded(files, model.image_format)
            theirs = exported.runtime.answer(_decoded(files, exported.image_format))
    return Agreement.of(torch_runtime(model).answer(pixels), theirs, _tolerance(exported))


def _tolerance(exported: Exported) -> float:
    return RESIZE_TOLERANCE if exported.resizes else TOLERANCE


def _rendered(pixels: NDArray[np.uint8], image_format: ImageFormat) -> NDArray[np.uint8]:
    picture = Image.fromarray(pixels if pixels.shape[2] == 3 else pixels[:, :, 0])
    return render(picture, image_format)[0]


def _decoded(files: Sequence[Path], image_format: ImageFormat) -> NDArray[np.uint8]:
    return np.stack([decode_image(file, image_format) for file in files])


def _whole(file: Path, image_format: ImageFormat) -> NDArray[np.uint8]:
    """Decode a picture at its own size, upright and in the format's channels."""
    header = read_header(file)
    return decode_image(file, replace(image_format, height=header.height, width=header.width))


def paired_accuracy(
    labels: NDArray[np.int64], ours: NDArray[np.float32], theirs: NDArray[np.float32]
) -> dict[str, Any]:
    """Return both accuracies and the 95 % interval of their difference on the same images.

    The interval is that of :func:`convwise.evaluation.paired.difference_interval`.

    Example:
        >>> labels = np.zeros(4, np.int64)
        >>> ours = np.array([[1, 0]] * 4, np.float32)
        >>> found = paired_accuracy(labels, ours, ours)
        >>> found["difference"], [round(end, 2) for end in found["interval"]]
        (0.0, [-0.49, 0.49])
    """
    right = (ours.argmax(axis=1) == labels, theirs.argmax(axis=1) == labels)
    counts = PairedCounts(
        both=int((right[0] & right[1]).sum()),
        first=int((right[0] & ~right[1]).sum()),
        second=int((~right[0] & right[1]).sum()),
        neither=int((~right[0] & ~right[1]).sum()),
    )
    return {
        "images": counts.images,
        "reference": float(right[0].mean()),
        "exported": float(right[1].mean()),
        "difference": counts.difference,
        "interval": list(difference_interval(counts)),
    }


def _timings(model: TrainedModel, runtimes: Sequence[Runtime]) -> dict[str, dict[int, float]]:
    plan = model.network.plan
    largest = max(prod(row.output_shape) for row in plan.rows)
    contenders = [torch_runtime(model), *runtimes]
    if runtimes[0].name == "torch":
        contenders[1] = Runtime("exported", runtimes[0].answer)
    numbers = np.random.default_rng(0)
    found: dict[str, dict[int, float]] = {each.name: {} for each in contenders}
    for batch in BATCHES:
        if batch > 1 and batch * largest > _MOST_VALUES:
            continue
        pixels = numbers.integers(0, 256, (batch, *model.image_format.shape), dtype=np.uint8)
        for name, seconds in time_together(contenders, pixels, SECONDS).items():
            found[name][batch] = seconds
    return found
