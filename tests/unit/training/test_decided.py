from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from convwise import kernels
from convwise.data.dataset import Decoded
from convwise.design.plan import plan
from convwise.image import ImageFormat
from convwise.model.build import build
from convwise.model.modules import MaxPool, Weighted
from convwise.model.race import Heat
from convwise.model.trained import TrainedModel
from convwise.training import decided as decided_module
from convwise.training.computing import Precision
from convwise.training.decided import Decided
from convwise.training.keeper import Saving
from convwise.training.layer_precision import LayerHeat
from convwise.training.precision import Contender, Race
from convwise.training.progress import Watcher
from convwise.training.recipe import Recipe
from convwise.training.resume import resume
from convwise.training.run import Run
from convwise.training.train import train

# With a pooling that is not computed together with the convolution.
NETWORK = "conv 4 3 same relu | maxpool 3 2 same | flatten | dense classes"


def layer_heats(conv1: Precision, dense1: Precision) -> tuple[LayerHeat, ...]:
    return (
        LayerHeat(("conv1",), (10, 1, 8, 8), 1.0, 2.0, None, conv1, "why"),
        LayerHeat(("dense1",), (10, 64), 1.0, 0.5, 0.002, dense1, "why"),
    )


def in_fp32(network: nn.Module) -> dict[str, bool]:
    return {
        name: module.in_fp32
        for name, module in network.named_modules()
        if isinstance(module, Weighted)
    }


@pytest.fixture
def decided() -> Decided:
    contenders = (Contender("fp32", 10.0, 0.0, "reference"), Contender("bf16", 20.0, 0.1, "faster"))
    kernel = Heat(("pool1",), (10, 4, 8, 8), "bfloat16", 2.0, 1.0, "kernel", "2.0 times as fast")
    race = Race("bf16", contenders, layer_heats("fp32", "bf16"))
    return Decided(Recipe(epochs=2, learning_rate=0.1, weight_decay=0.01), race, (kernel,))


def test_what_was_decided_is_read_back_from_json(decided: Decided) -> None:
    assert Decided.from_dict(json.loads(json.dumps(decided.to_dict()))) == decided


def test_a_network_built_anew_computes_as_decided(decided: Decided) -> None:
    model = TrainedModel(build(plan(NETWORK, "8x8x1", 3)), ImageFormat(8, 8, 1), tuple("abc"))
    decided.prepare(model)
    assert in_fp32(model.network) == {"conv1": True, "dense1": False}
    pool = model.network.get_submodule("pool1")
    assert isinstance(pool, MaxPool)
    assert pool.kernel_types == ({torch.bfloat16} if kernels.available() else set())


@pytest.mark.parametrize(
    ("asked", "images", "processes", "rate", "smoothing"),
    [
        ({"epochs": 10}, 159_000, 1, 0.1, 0.05),
        ({"epochs": 10}, 160_000, 1, 0.05, 0.0),
        ({"time_limit": 100}, 54_000, 1, 0.1, 0.05),
        ({"time_limit": 480}, 54_000, 1, 0.05, 0.0),
        ({"time_limit": 300}, 54_000, 1, 0.1, 0.05),
        ({"time_limit": 300}, 54_000, 2, 0.05, 0.0),
        ({"time_limit": 480, "epochs": 2}, 54_000, 1, 0.1, 0.05),
    ],
)
def test_a_training_is_long_by_the_images_that_it_will_see(
    asked: dict[str, Any], images: int, processes: int, rate: float, smoothing: float
) -> None:
    race = Race("fp32", (Contender("fp32", 4_000.0, 0.0, "reference"),))
    recipe = Recipe(optimizer="muon", **asked)
    found = decided_module._resolved(recipe, images, race, processes)
    assert (found.learning_rate or 0.1, found.label_smoothing) == (rate, smoothing)
    assert found.peak_learning_rate == rate


class KillAfter(Watcher):
    """Ends a training after so many steps, as abruptly as can be within a process."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def step(self, *values: object) -> None:
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt


def test_a_resumed_training_computes_each_layer_in_the_precision_it_had(
    decoded: Decoded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def trained(
        out: str, conv1: Precision, dense1: Precision, watcher: Watcher | None = None
    ) -> Run:
        heats = layer_heats(conv1, dense1)
        monkeypatch.setattr(decided_module, "race_layers", lambda network, images: heats)
        recipe, options = Recipe(epochs=2, batch_size=10), {"precision": "bf16", "threads": 1}
        given: dict[str, Any] = {**options, "saving": Saving(every=0.0), "watcher": watcher}
        return train(decoded, NETWORK, recipe, out=tmp_path / out, **given)

    mixed, whole = trained("mixed", "fp32", "bf16"), trained("whole", "bf16", "bf16")
    with pytest.raises(KeyboardInterrupt):
        trained("broken off", "fp32", "bf16", KillAfter(2))

    def raced_again(*values: object) -> None:
        raise AssertionError("what was decided is not raced again")

    monkeypatch.setattr(decided_module, "race_layers", raced_again)
    resumed = resume(tmp_path / "broken off", decoded)
    assert resumed.facts["precision_by_layer"] == mixed.facts["precision_by_layer"]
    assert in_fp32(resumed.model.network) == {"conv1": True, "dense1": False}
    weights = [(run.folder / "model.safetensors").read_bytes() for run in (resumed, mixed, whole)]
    assert weights[0] == weights[1] != weights[2]
