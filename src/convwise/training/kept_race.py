"""A race that was run before is not run again: its outcome decides the bits of a training."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from convwise.model.outcomes import Outcomes, outcomes_file
from convwise.training.layer_precision import LayerHeat
from convwise.training.precision import Contender, Precision, Race, Tune, race


def race_once(
    name: str,
    network: nn.Module,
    images: Tensor,
    labels: Tensor,
    tune: Tune = lambda network, number: None,
    layers: tuple[LayerHeat, ...] = (),
    notes: Path | None = None,
    half: Precision = "bf16",
) -> Race:
    """Return the outcome of the race that is kept, or race and keep it: it decides a run's bits.

    Args:
        name: of all that makes the network, beside its layers' precisions.
        network, images, labels, tune, layers, half: as for :func:`race`.
        notes: the file in which outcomes are kept; None for the user's cache.
    """
    outcomes = Outcomes(notes or outcomes_file("network"), _checked)
    choices = [(heat.layers, heat.chosen) for heat in layers]
    facts = json.dumps([name, list(images.shape), choices])
    key = hashlib.sha256(facts.encode()).hexdigest()
    known = outcomes.known.get(key)
    if known is None:
        result = race(network, images, labels, tune, layers, half)
        known = outcomes.keep(key, result.to_dict())
        if known == result.to_dict():
            return result
    tune(network, torch.float32)
    if known["chosen"] == "bf16":
        tune(network, torch.bfloat16)
    contenders = tuple(Contender(**each) for each in known["race"])
    return Race(known["chosen"], contenders, layers)


def _checked(value: Any) -> dict[str, Any]:
    if value["chosen"] not in [Contender(**each).precision for each in value["race"]]:
        raise ValueError(f"{value['chosen']!r} is none of those that raced")
    return dict(value)
