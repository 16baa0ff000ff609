"""A model card in Hugging Face's format: YAML for machines, then words and tables for people.

Format: "Model Cards" of the Hugging Face Hub documentation; the results stand under ``model-index``
as there. Nothing is written that was not measured: a model file alone gives a shorter card than a
run folder does.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from convwise.errors import DataError
from convwise.model.modelfile import load_model
from convwise.model.trained import TrainedModel

_MOST_CLASSES = 20
_MOST_BYTES = 256_000_000


def model_card(path: str | Path, called: str | None = None) -> str:
    """Return the card of a model file, or of a run folder with all that was measured there.

    Args:
        path: of the file or folder.
        called: how a reader of the card names the model; the name in ``path`` by default.

    Raises:
        ModelFileError: the model cannot be opened.
        DataError: a file of the run folder is damaged.
    """
    path = Path(path)
    model = load_model(path)
    folder = path if path.is_dir() else None
    run = _json(folder / "run.json") if folder else {}
    metrics = _json(folder / "metrics.json") if folder else {}
    test = metrics.get("test")
    model = replace(model, measured=model.measured or _of_run(run))
    return "\n".join(
        [
            *_front_matter(model),
            *_introduction(model),
            *_results(model, test if isinstance(test, dict) else {}),
            *_input(model),
            *_training(run),
            *_use(called or path.name),
        ]
    )


def _of_run(run: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a run measured, for model files that do not tell it themselves."""
    result, data = run.get("result", {}), run.get("data", {})
    if "test_accuracy" not in result:
        return {}
    return {
        "data": data.get("name", ""),
        "test_accuracy": result["test_accuracy"],
        "test_accuracy_interval": result.get("test_accuracy_interval"),
        "test_images": data.get("counts", {}).get("test"),
    }


def _json(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as stream:
            found = json.loads(stream.read(_MOST_BYTES))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError):
        raise DataError(f"{path} is no JSON; run convwise verify on its folder") from None
    if not isinstance(found, dict):
        raise DataError(f"{path} holds no JSON object; run convwise verify on its folder")
    return found


def _front_matter(model: TrainedModel) -> Iterator[str]:
    yield "---"
    yield "library_name: convwise"
    yield "pipeline_tag: image-classification"
    yield "tags:"
    yield "- image-classification"
    yield "- convwise"
    accuracy = model.measured.get("test_accuracy")
    if accuracy is not None:
        data = _scalar(str(model.measured.get("data", "own data")))
        yield "metrics:"
        yield "- accuracy"
        yield "model-index:"
        yield f"- name: {_scalar(model.name)}"
        yield "  results:"
        yield "  - task:"
        yield "      type: image-classification"
        yield "    dataset:"
        yield f"      name: {data}"
        yield f"      type: {data}"
        yield "      split: test"
        yield "    metrics:"
        yield "    - type: accuracy"
        yield f"      value: {accuracy:.6f}"
    yield "---"
    yield ""


def _introduction(model: TrainedModel) -> Iterator[str]:
    plan = model.network.plan
    names = ", ".join(_cell(name) for name in model.classes[:_MOST_CLASSES])
    more = len(model.classes) - _MOST_CLASSES
    yield f"# {_cell(model.name)}"
    yield ""
    yield (
        f"A convolutional classifier of images with {len(model.classes):,} classes:"
        f" {names}{f' and {more:,} more' if more > 0 else ''}."
    )
    yield ""
    yield (
        f"{plan.total_params:,} weights, {plan.total_flops:,} floating-point operations an image"
        " (convolutions and dense products). The network, in convwise's notation:"
    )
    yield ""
    yield from ("    " + line for line in plan.network.to_text().splitlines())
    yield ""


def _results(model: TrainedModel, test: Mapping[str, Any]) -> Iterator[str]:
    yield "## What was measured"
    yield ""
    measured = model.measured
    if "test_accuracy" not in measured:
        yield "Nothing yet: `convwise evaluate MODEL DATA` measures it."
        yield ""
        return
    interval = measured.get("test_accuracy_interval")
    told = f" (95 % interval {_interval(interval)})" if interval else ""
    images = measured.get("test_images")
    count = f" on {images:,} test images" if images is not None else ""
    yield (
        f"Accuracy {measured['test_accuracy']:.4f}{told}{count} of"
        f" {_cell(str(measured.get('data', 'the data')))}, scored once, after training."
    )
    yield ""
    figures = [
        (title, test[key])
        for key, title in (
            ("balanced_accuracy", "balanced accuracy"),
            ("macro_f1", "macro F1"),
            ("nll", "negative log-likelihood, nats"),
            ("ece", "expected calibration error"),
        )
        if isinstance(test.get(key), float)
    ]
    if figures:
        yield from _table(("figure", "value"), [(name, f"{value:.4f}") for name, value in figures])
    yield from _per_class(test.get("per_class") or [])
    yield from _shift(test.get("shift") or [])


def _per_class(entries: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not entries:
        return
    hardest = sorted(entries, key=lambda entry: float(entry["f1"]))[:_MOST_CLASSES]
    what = "Per class" if len(hardest) == len(entries) else "The hardest classes"
    yield f"{what}, the hardest first:"
    yield ""
    rows = [
        (
            _cell(str(entry["class"])),
            f"{entry['images']:,}",
            *(f"{entry[key]:.3f}" for key in ("precision", "recall", "f1")),
        )
        for entry in hardest
    ]
    yield from _table(("class", "images", "precision", "recall", "F1"), rows)


def _shift(points: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if len(points) < 2:
        return
    yield "When the picture moves by a few pixels:"
    yield ""
    rows = [
        (f"{point['offset']} px", f"{point['accuracy']:.4f}", f"{point['consistency']:.4f}")
        for point in points
    ]
    yield from _table(("shift", "accuracy", "same answer"), rows)


def _input(model: TrainedModel) -> Iterator[str]:
    image = model.image_format
    rules = {
        "pad": f"keep their proportions and are padded with grey level {image.pad_value}",
        "crop": "keep their proportions, and the longer side is cut",
        "stretch": "are stretched",
    }
    yield "## What it takes"
    yield ""
    yield (
        f"Pictures of {image.height}×{image.width} pixels with"
        f" {'one grey channel' if image.channels == 1 else 'three channels (red, green, blue)'}."
        f" Other pictures are turned upright (EXIF) and {rules[image.resize]};"
        f" what is transparent lies on grey level {image.alpha_background}."
        " The rule travels in the model file and in each export."
    )
    yield ""


def _training(run: Mapping[str, Any]) -> Iterator[str]:
    if not run:
        return
    yield "## How it was trained"
    yield ""
    data, result = run.get("data", {}), run.get("result", {})
    rows = [
        ("command", f"`{_cell(str(run.get('command', '')))}`"),
        ("images", ", ".join(f"{name} {n:,}" for name, n in data.get("counts", {}).items())),
        ("fingerprint of the data", f"`{data.get('fingerprint', '')}`"),
        ("epochs", f"{result.get('epochs', '')}"),
        ("training time", f"{result['train_seconds']:.1f} s" if "train_seconds" in result else ""),
        ("precision", f"{result.get('precision', '')}"),
        ("seed", f"{run.get('seed', '')}"),
        ("processor", _cell(str(run.get("machine", {}).get("cpu", "")))),
        ("versions", ", ".join(f"{name} {v}" for name, v in run.get("versions", {}).items())),
    ]
    yield from _table(("", ""), [row for row in rows if row[1]])


def _use(name: str) -> Iterator[str]:
    yield "## How to use it"
    yield ""
    yield f"    convwise predict {name} photo.jpg"
    yield ""
    yield "The file holds numbers and text alone; opening it runs no code."
    yield ""
    yield "## What this card does not know"
    yield ""
    yield (
        "Where the images come from, under which licence they and the model may be used, whom a"
        " wrong answer would harm: add it here before you share the model. The figures hold for"
        " pictures like those of the test split, and for no others."
    )
    yield ""


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    yield from (f"| {' | '.join(row)} |" for row in rows)
    yield ""


def _interval(ends: Sequence[float]) -> str:
    return f"{ends[0]:.4f} … {ends[1]:.4f}"


def _cell(text: str) -> str:
    """Return a text that ends no cell, no line and no front matter."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def _scalar(text: str) -> str:
    """Return a text as YAML; a JSON string is one."""
    return json.dumps(text, ensure_ascii=False)
