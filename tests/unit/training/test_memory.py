from __future__ import annotations

import weakref

import pytest
import torch
from torch import Tensor, nn

from convwise.data.dataset import Decoded
from convwise.design.plan import plan
from convwise.errors import TrainingError
from convwise.model.build import ConvNet, build
from convwise.model.trained import TrainedModel
from convwise.training import memory
from convwise.training.fit import fit_model
from convwise.training.memory import fitting_batch_size
from convwise.training.out_of_memory import is_out_of_memory
from convwise.training.progress import Watcher
from convwise.training.recipe import Recipe


def test_an_allocation_that_the_system_refuses_is_recognised() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 60, dtype=torch.uint8)
    assert is_out_of_memory(caught.value)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 17 GB)"), True),
        (RuntimeError("CUDA error: out of memory"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("can't allocate memory"), False),
    ],
)
def test_other_errors_are_told_apart(error: Exception, expected: bool) -> None:
    assert is_out_of_memory(error) is expected


class Narrow(nn.Module):
    """Has memory for so many images."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.layer, self.most = nn.Linear(3, 2), most

    def forward(self, x: Tensor) -> Tensor:
        if len(x) > self.most:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return self.layer(x)


@pytest.mark.parametrize(("most", "expected"), [(64, 50), (30, 25), (1, 1), (0, None)])
def test_the_batch_that_fits_is_found_by_halves(most: int, expected: int | None) -> None:
    network = Narrow(most)

    def batch(size: int) -> tuple[Tensor, Tensor]:
        return torch.zeros(size, 3), torch.zeros(size, dtype=torch.int64)

    assert fitting_batch_size(network, batch, 100, "fp32") == expected
    assert all(weight.grad is None for weight in network.parameters())


def test_an_error_of_another_kind_is_not_hidden() -> None:
    with pytest.raises(RuntimeError, match="shapes"):
        fitting_batch_size(
            Narrow(9), lambda size: (torch.zeros(size, 4), torch.zeros(size)), 4, "fp32"
        )


@pytest.mark.parametrize(("most", "advice"), [(12, "7 are: --batch-size 7"), (0, "not even one")])
def test_a_batch_that_does_not_fit_names_the_one_that_does(
    decoded: Decoded, monkeypatch: pytest.MonkeyPatch, most: int, advice: str
) -> None:
    real = ConvNet.forward

    def narrow(self: ConvNet, images: Tensor) -> Tensor:
        if len(images) > most:
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")
        return real(self, images)

    monkeypatch.setattr(ConvNet, "forward", narrow)
    with pytest.raises(TrainingError, match=f"a batch of 30 images of 8×8×1 .*; {advice}"):
        fit_model(
            plan("flatten | dense classes", "8x8x1", 3),
            decoded.stores["train"],
            decoded.stores["validation"],
            image_format=decoded.dataset.format,
            classes=decoded.dataset.classes,
            name="net",
            recipe=Recipe(epochs=1, batch_size=64),
            seed=0,
            precision="fp32",
            watcher=Watcher(),
        )


def test_what_a_failed_step_held_is_free_before_a_smaller_batch_is_tried(
    decoded: Decoded, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Large:
        pass

    held: list[weakref.ref[Large]] = []
    alive: list[bool] = []

    def step() -> None:
        large = Large()
        held.append(weakref.ref(large))
        raise RuntimeError("out of memory")

    def look(*values: object) -> int:
        alive.append(held[0]() is not None)
        return 4

    monkeypatch.setattr(memory, "fitting_batch_size", look)
    dataset = decoded.dataset
    network = build(plan("flatten | dense classes", "8x8x1", 3), seed=0)
    model = TrainedModel(network, dataset.format, dataset.classes)
    with (
        pytest.raises(TrainingError, match=r"a batch of 24 images .*; 12 are: --batch-size 12"),
        memory.enough_memory(model, decoded.stores["train"], 24, "fp32", processes=3),
    ):
        step()
    assert alive == [False]
