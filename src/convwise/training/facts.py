"""The content of ``run.json``."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any

import numpy as np
import torch

from convwise.data.dataset import Decoded
from convwise.design.plan import Plan, Row
from convwise.evaluation.split import Evaluation
from convwise.image import ImageFormat
from convwise.training.data_request import DataRequest
from convwise.training.decided import Decided
from convwise.training.fit import Fitted
from convwise.training.keeper import Saving
from convwise.training.machine import deciding_facts, machine_facts, package_versions
from convwise.training.recipe import Recipe


def measured_format(decoded: Decoded) -> ImageFormat:
    """Return the data set's format with the mean and spread of its training images."""
    mean, std = decoded.stores["train"].channel_statistics()
    return dataclasses.replace(decoded.dataset.format, mean=mean, std=std)


def request_facts(
    *,
    command: str,
    name: str,
    plan: Plan,
    decoded: Decoded,
    asked_data: DataRequest | None,
    image_format: ImageFormat,
    asked: Recipe,
    decided: Decided,
    seed: int,
    saving: Saving,
    ranks: int,
    gpu: str | None = None,
) -> dict[str, Any]:
    """Return everything asked and everything resolved, as plain JSON values."""
    versions = package_versions()
    return {
        "convwise": versions["convwise"],
        "status": "running",
        "command": command,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "asked": asked.model_dump(exclude_unset=True),
        **decided.to_dict(),
        "network": _network_facts(name, plan),
        "image_format": image_format.to_dict(),
        "data": _data_facts(decoded)
        | {"asked": None if asked_data is None else asked_data.to_dict()},
        "seed": seed,
        "threads": torch.get_num_threads(),
        "saving": saving.to_dict(),
        "decides_bits": deciding_facts(fuse=decided.fuse, ranks=ranks, gpu=gpu),
        "versions": versions,
        "machine": machine_facts(),
    }


def result_facts(fitted: Fitted, test: Evaluation, validation: Evaluation) -> dict[str, Any]:
    """Return the figures of a run that ended; ``images_per_second`` is the median of its epochs."""
    speeds = [record.images_per_second for record in fitted.history]
    return {
        "test_accuracy": test.accuracy,
        "test_accuracy_interval": test.figures["accuracy_interval"],
        "validation_accuracy": validation.accuracy,
        "train_seconds": fitted.seconds,
        "images_per_second": float(np.median(speeds)) if speeds else 0.0,
        "precision": fitted.race.chosen,
        "epochs": len(fitted.history),
        "temperature": fitted.model.temperature,
    }


def measured_facts(decoded: Decoded, test: Evaluation) -> dict[str, Any]:
    """Return what the model file remembers of the model's data and quality."""
    return {
        "data": decoded.dataset.name,
        "fingerprint": decoded.fingerprint,
        "test_accuracy": test.accuracy,
        "test_accuracy_interval": test.figures["accuracy_interval"],
        "test_images": test.figures["images"],
    }


def _network_facts(name: str, plan: Plan) -> dict[str, Any]:
    return {
        "name": name,
        "text": plan.network.to_text(),
        **plan.network.to_dict(),
        "rows": [_row_facts(row) for row in plan.rows],
        "total_params": plan.total_params,
        "total_flops": plan.total_flops,
    }


def _row_facts(row: Row) -> dict[str, Any]:
    return {
        "name": row.name,
        "layer": type(row.layer).__name__,
        "output_shape": list(row.output_shape),
        "params": row.params,
    }


def _data_facts(decoded: Decoded) -> dict[str, Any]:
    dataset = decoded.dataset
    return {
        "name": dataset.name,
        "source": dataset.source,
        "classes": list(dataset.classes),
        "counts": {split: len(store) for split, store in decoded.stores.items()},
        "fingerprint": decoded.fingerprint,
        "test_fingerprint": decoded.fingerprint_of("test"),
        "skipped": len(decoded.skipped),
        "options": dict(dataset.options),
    }
