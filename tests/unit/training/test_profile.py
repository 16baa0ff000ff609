"""Where a step's time goes: the grouping, and a real training that is watched."""

import numpy as np
import pytest
import torch
from torch.profiler import ProfilerActivity, profile, record_function

from convwise.classifier import Classifier
from convwise.training.profile import STEP_RANGE, StepProfiler, grouped, kind_of
from convwise.training.progress import Watcher
from convwise.training.recipe import Recipe


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        ("aten::conv2d", "convolution"),
        ("autograd::engine::evaluate_function: ConvolutionBackward0", "convolution"),
        ("aten::max_pool2d", "pooling"),
        ("_MaxPoolBackward", "pooling"),
        ("autograd::engine::evaluate_function: MaxPool2DWithIndicesBackward0", "pooling"),
        ("aten::batch_norm", "normalisation"),
        ("_BatchNorm", "normalisation"),
        ("NativeLayerNormBackward0", "normalisation"),
        ("aten::relu", "activation"),
        ("autograd::engine::evaluate_function: ThresholdBackward0", "activation"),
        ("_DropoutBackward", "dropout"),
        ("aten::linear", "dense"),
        ("autograd::engine::evaluate_function: AddmmBackward0", "dense"),
        ("aten::cross_entropy_loss", "loss"),
        ("autograd::engine::evaluate_function: LogSoftmaxBackward0", "loss"),
        ("Optimizer.step#AdamW.step", "optimizer"),
        ("convwise::batch", "data"),
        ("aten::add", "joining"),
        ("aten::select", None),
        ("aten::empty", None),
    ],
)
def test_an_operation_belongs_to_the_kind_that_its_name_tells(
    operation: str, kind: str | None
) -> None:
    assert kind_of(operation) == kind


def test_work_belongs_to_the_outermost_kind_and_a_range_without_update_is_no_step() -> None:
    weight = torch.ones(4, requires_grad=True)
    optimizer = torch.optim.SGD([weight], lr=0.1)
    weight.grad = torch.ones(4)
    with profile(activities=[ProfilerActivity.CPU], acc_events=True) as watched:
        for _ in range(2):
            with record_function(STEP_RANGE):
                with record_function("convwise::batch"):
                    torch.relu(torch.ones(1000))
                optimizer.step()
        with record_function(STEP_RANGE):
            torch.relu(torch.ones(1000))
    found = grouped(watched.events(), 3.0)
    assert found is not None
    assert found.steps == 2
    assert found.step_ms == 3.0
    assert set(found.milliseconds) == {"data", "optimizer", "rest"}
    assert sum(found.shares.values()) == pytest.approx(1.0)


def test_nothing_watched_gives_no_profile() -> None:
    assert grouped(None, 1.0) is None
    assert StepProfiler().finish() is None


class Listener(Watcher):
    def __init__(self) -> None:
        self.heard: list[str] = []

    def step(
        self, epoch: int, step: int, share: float, loss: float, images_per_second: float
    ) -> None:
        self.heard.append(f"step {epoch}.{step}")

    def started(self, epochs: int | None, steps_per_epoch: int, time_limit: float | None) -> None:
        self.heard.append("started")


def trained(watcher: Watcher | None, epochs: int = 2) -> Classifier:
    images = np.random.default_rng(0).integers(0, 256, (80, 12, 12), dtype=np.uint8)
    labels = np.arange(80) % 2
    recipe = Recipe(epochs=epochs, batch_size=8, prune_easy=0)
    network = "conv 8 3 same norm relu | maxpool 2 | flatten | dropout 0.5 | dense classes"
    return Classifier(network, recipe, precision="fp32", watcher=watcher).fit(images, labels)


def test_a_training_is_watched_across_epochs_without_being_changed() -> None:
    listener = Listener()
    profiler = StepProfiler(listener, warm_up=3, steps=5)
    watched = trained(profiler.as_watcher())
    found = profiler.finish()
    assert found is not None
    assert found.steps == 5
    assert {"convolution", "normalisation", "pooling", "dense", "loss", "optimizer", "data"} <= set(
        found.milliseconds
    )
    assert found.step_ms > 0
    assert listener.heard[0] == "started"
    assert listener.heard[-1] == "step 2.9"
    plain = trained(None)
    ours, theirs = (each.model_.network.state_dict() for each in (watched, plain))
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_a_training_that_ends_early_is_told_of_as_far_as_it_went() -> None:
    profiler = StepProfiler(warm_up=1, steps=6)
    trained(profiler.as_watcher(), epochs=1)
    found = profiler.finish()
    assert found is not None
    assert 0 < found.steps < 6
