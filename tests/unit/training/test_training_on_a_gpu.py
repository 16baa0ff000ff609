"""A GPU's way through a training, with the processor standing in for the GPU.

What a stand-in cannot show, that no tensor stays behind on the processor, tensors without numbers
show. Fake ones refuse every operation with one of another device, but a build of torch for
processors can neither write into them, nor slice them, nor go backward. Meta tensors can, and
refuse most.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from convwise.data.batches import Batch
from convwise.data.dataset import Decoded
from convwise.design.plan import plan
from convwise.errors import OptionError, TrainingError
from convwise.model.build import build
from convwise.training import decided as decided_module
from convwise.training import resume as resume_module
from convwise.training import train as train_module
from convwise.training.averaging import WeightAverage
from convwise.training.decided import Decided
from convwise.training.device import CPU, Device
from convwise.training.fit import Fitted, fit_model
from convwise.training.keeper import Saving
from convwise.training.loss import image_losses
from convwise.training.make_loop import training_batches
from convwise.training.muon import orthogonalise
from convwise.training.optimizer import make_optimizer, resolve_optimizer
from convwise.training.progress import Watcher
from convwise.training.recipe import Recipe
from convwise.training.resident import ResidentPictures
from convwise.training.resume import resume
from convwise.training.run import Run
from convwise.training.train import train
from layer_table import TABLE, Sample, name_of, plan_around

STAND_IN = Device("cpu", accelerated=True)
NETWORK = (
    "conv 4 3 same norm relu | maxpool 2 | dropout 0.3 | conv 6 3 same norm relu | flatten"
    " | dense classes"
)


def fit(decoded: Decoded, device: Device, **changes: Any) -> Fitted:
    recipe = {"epochs": 6, "batch_size": 10, "prune_easy": 0.5, "shift": 1, "ema": 0.9}
    options: dict[str, Any] = {"precision": "fp32", "fuse": False, "watcher": Watcher()} | changes
    recipe |= options.pop("recipe", {})
    return fit_model(
        plan(options.pop("network", NETWORK.replace("| dropout 0.3 ", "")), "8x8x1", 3),
        decoded.stores["train"],
        decoded.stores["validation"],
        image_format=decoded.dataset.format,
        classes=decoded.dataset.classes,
        name="net",
        recipe=Recipe(**recipe),
        seed=5,
        device=device,
        **options,
    )


def test_both_ways_learn_the_same(decoded: Decoded) -> None:
    ours, theirs = fit(decoded, STAND_IN), fit(decoded, CPU)
    losses = [[record.train_loss for record in each.history] for each in (ours, theirs)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
    kernel = ours.model.network.get_parameter("conv1.kernel")
    assert kernel.is_contiguous()


@pytest.mark.parametrize("optimizer", ["muon", "sgd", "adamw"])
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_every_precision_and_optimizer_learns(
    decoded: Decoded,
    optimizer: str,
    precision: Literal["fp32", "bf16", "fp16"],
) -> None:
    recipe = {"optimizer": optimizer, "epochs": 12, "balance": "weights"}
    fitted = fit(decoded, STAND_IN, precision=precision, recipe=recipe)
    assert fitted.race.chosen == precision
    assert fitted.history[-1].train_loss < 0.8 * fitted.history[0].train_loss


def test_auto_races_fp32_against_half_the_bits(decoded: Decoded) -> None:
    started: list[Decided] = []
    fitted = fit(decoded, STAND_IN, precision="auto", fuse=True, on_start=started.append)
    assert [each.precision for each in fitted.race.contenders] == ["fp32", "bf16"]
    assert fitted.race.layers == ()
    assert (started[0].fuse, started[0].heats, started[0].device) == (False, (), "cpu")


def test_fp16_is_no_precision_of_the_processor(decoded: Decoded) -> None:
    with pytest.raises(OptionError, match="precision fp16 is for GPUs"):
        fit(decoded, CPU, precision="fp16")


def test_a_device_that_computes_something_else_is_refused(
    decoded: Decoded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        decided_module, "disagreement_with_processor", lambda *values: (0.5, float("nan"))
    )
    with pytest.raises(TrainingError, match=r"logits differ by 50 %.* add --device cpu"):
        fit(decoded, STAND_IN)


def test_a_device_that_fails_at_the_first_step_is_told_in_a_line(
    decoded: Decoded, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*values: object) -> None:
        raise RuntimeError("CUDA error: no kernel image is available\nCompile with `TORCH_USE`")

    monkeypatch.setattr(decided_module, "disagreement_with_processor", fails)
    with pytest.raises(
        TrainingError, match=r"cpu cannot take a step \(CUDA error: no .* available\);"
    ):
        fit(decoded, STAND_IN)


def test_pictures_stay_on_the_device_where_they_only_move(decoded: Decoded) -> None:
    store, image_format = decoded.stores["train"], decoded.dataset.format

    def placed(device: Device, **recipe: Any) -> object:
        return training_batches(store, image_format, Recipe(**recipe), 0, device=device).placed

    assert isinstance(placed(STAND_IN), ResidentPictures)
    for other in (placed(STAND_IN, mixup=0.5), placed(STAND_IN, rotate=10), placed(CPU)):
        assert not isinstance(other, ResidentPictures)


class Killed(BaseException):
    """Stands for a process that is no more."""


class KillAt(Watcher):
    def __init__(self, steps: int) -> None:
        self.left = steps

    def step(self, *values: object) -> None:
        self.left -= 1
        if self.left < 0:
            raise Killed


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_a_resumed_training_draws_the_same_masks_and_scales_losses_alike(
    decoded: Decoded,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    precision: Literal["fp32", "fp16"],
) -> None:
    for module in (train_module, resume_module):
        monkeypatch.setattr(module, "find_device", lambda *values: STAND_IN)

    def start(name: str, watcher: Watcher) -> Run:
        return train(
            decoded,
            NETWORK,
            Recipe(epochs=4, batch_size=10, ema=0.9),
            out=tmp_path / name,
            seed=3,
            precision=precision,
            threads=1,
            saving=Saving(every=0.0),
            watcher=watcher,
        )

    whole = start("whole", Watcher())
    with pytest.raises(Killed):
        start("killed", KillAt(5))
    # Masks that hung on the generator's state would now be others.
    torch.manual_seed(99)
    ours = resume(tmp_path / "killed", decoded).model.network.state_dict()
    theirs = whole.model.network.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_a_run_of_a_gpu_goes_on_without_one_only_when_told(
    decoded: Decoded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Sold(Device):
        @property
        def product(self) -> str | None:
            return "A100"

    with monkeypatch.context() as patched:
        gpu = Sold("cpu", accelerated=True)
        patched.setattr(train_module, "find_device", lambda *values: gpu)
        with pytest.raises(Killed):
            train(
                decoded,
                NETWORK,
                Recipe(epochs=2, batch_size=10),
                out=tmp_path / "run",
                threads=1,
                saving=Saving(every=0.0),
                watcher=KillAt(2),
            )
    shutil.copytree(tmp_path / "run", tmp_path / "again")
    with pytest.raises(OptionError, match=r"gpu: A100 then, None now.* add --inexact"):
        resume(tmp_path / "run", decoded)
    run = resume(tmp_path / "again", decoded, inexact=True)
    assert (run.status, run.facts["device"]) == ("finished", "cpu")
    assert run.facts["result"]["precision"] == "fp32"


def on_a_fake_gpu(network: nn.Module) -> nn.Module:
    """Give a network weights without numbers on a GPU; what is no weight stays where it is."""
    for module in network.modules():
        for values in (module._parameters, module._buffers):
            for name, value in values.items():
                if value is not None:
                    fake = torch.empty(value.shape, dtype=value.dtype, device="cuda:0")
                    values[name] = nn.Parameter(fake) if isinstance(value, nn.Parameter) else fake
    return network


@contextlib.contextmanager
def as_far_as_torch_can() -> Iterator[None]:
    """End the block where this build of torch cannot do something with fake tensors."""
    try:
        yield
    except RuntimeError as error:
        if "not linked with support for cuda devices" not in str(error):
            raise


@pytest.mark.parametrize("sample", TABLE, ids=name_of)
def test_no_tensor_of_a_layer_stays_on_the_processor(sample: Sample) -> None:
    made = plan_around(sample)
    height, width, channels = made.image
    planes = (2, channels, height, width)
    with FakeTensorMode(allow_non_fake_inputs=True), torch.no_grad(), as_far_as_torch_can():
        network = on_a_fake_gpu(build(made, seed=0, fuse=False).eval())
        assert network(torch.zeros(planes, device="cuda:0")).device.type == "cuda"
    network = build(made, seed=0, fuse=False).to("meta").train()
    y = network(torch.zeros(planes, device="meta"))
    y.sum().backward()
    assert y.device.type == "meta"


def test_a_tensor_that_stays_behind_is_found() -> None:
    left = torch.ones(3)
    with FakeTensorMode(allow_non_fake_inputs=True), pytest.raises(RuntimeError, match="device"):
        torch.zeros(2, 3, device="cuda:0") * left
    with pytest.raises(RuntimeError, match="device"):
        torch.zeros(2, 3, device="meta") * left


def test_no_tensor_of_a_step_stays_on_the_processor() -> None:
    made = plan(NETWORK, "8x8x1", 3)
    recipe = resolve_optimizer(Recipe(), made)
    assert recipe.optimizer == "muon"
    network = build(made, seed=0, fuse=False).to("meta")
    stepper, average = make_optimizer(network, made, recipe), WeightAverage(0.9)
    labels, shares = torch.zeros(4, dtype=torch.int64), torch.full((4,), 0.7)
    batch = Batch(torch.zeros(4, 1, 8, 8), labels, np.arange(4), labels, shares).to("meta")
    for step in range(2):
        weights = torch.ones(3, device="meta")
        losses = image_losses(network(batch.inputs), batch, 0.1, weights)
        losses.sum().backward()  # type: ignore[no-untyped-call]
        stepper.step()
        average.update(network, step)
    assert {value.device.type for value in average.weights.values()} == {"meta"}


def test_muons_products_stay_where_their_kernels_are() -> None:
    with FakeTensorMode(allow_non_fake_inputs=True):
        assert orthogonalise(torch.zeros(2, 3, 9, device="cuda:0")).device.type == "cuda"
