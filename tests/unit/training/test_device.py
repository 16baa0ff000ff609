from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from convwise.errors import OptionError, TrainingError
from convwise.training import world as world_module
from convwise.training.device import CPU, Device, find_device, wait_for
from convwise.training.world import World

GPU = Device("cuda:0", accelerated=True)


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let torch believe in two GPUs; the list gets the numbers of those that were taken."""
    taken: list[int] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", taken.append)
    return taken


@pytest.fixture
def mps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)


@pytest.fixture
def nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.mark.usefixtures("nothing")
def test_without_a_gpu_the_processor_computes() -> None:
    assert find_device("auto") == find_device("cpu") == CPU
    assert CPU.product is None
    assert not CPU.holds(1)


@pytest.mark.usefixtures("nothing")
@pytest.mark.parametrize("choice", ["cuda", "mps"])
def test_a_gpu_that_is_not_there_is_refused(choice: str) -> None:
    with pytest.raises(OptionError, match=f"--device {choice}: torch .* or use --device cpu"):
        find_device(choice)  # type: ignore[arg-type]


def test_an_unknown_device_names_the_known_ones() -> None:
    with pytest.raises(OptionError, match="--device tpu: use auto, cpu, cuda, mps"):
        find_device("tpu")  # type: ignore[arg-type]


@pytest.mark.parametrize("choice", ["auto", "cuda"])
def test_each_process_takes_a_gpu_of_its_own(gpus: list[int], choice: str) -> None:
    found = [find_device(choice, World(rank, 4, rank % 2)) for rank in (0, 3)]  # type: ignore[arg-type]
    assert [each.name for each in found] == ["cuda:0", "cuda:1"]
    assert all(each.accelerated and each.kind == "cuda" for each in found)
    assert gpus == [0, 1]


@pytest.mark.usefixtures("gpus")
def test_more_processes_than_gpus_are_told_so() -> None:
    with pytest.raises(OptionError, match="process 2 has no GPU of its own, there are 2"):
        find_device("auto", World(2, 3, 2))


@pytest.mark.usefixtures("gpus")
def test_the_processor_can_be_asked_for_beside_a_gpu() -> None:
    assert find_device("cpu") == CPU


@pytest.mark.usefixtures("mps")
def test_one_process_alone_can_use_mps_if_it_asks_for_it() -> None:
    assert find_device("mps") == Device("mps", accelerated=True)
    assert find_device("auto") == CPU
    with pytest.raises(OptionError, match="only one process"):
        find_device("mps", World(0, 2))


@pytest.mark.parametrize(("units", "half"), [(True, "bf16"), (False, "fp16")])
def test_a_gpu_without_units_for_bf16_has_fp16(
    monkeypatch: pytest.MonkeyPatch, units: bool, half: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: units)
    assert GPU.half == half
    assert Device("mps", accelerated=True).half is None


def test_pictures_stay_on_a_gpu_that_has_room_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda name: (4_000, 8_000))
    assert GPU.holds(1_000)
    assert not GPU.holds(1_001)


def test_a_gpus_clock_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[str] = []
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: waited.append(device.type))
    monkeypatch.setattr(torch.mps, "synchronize", lambda: waited.append("mps"))
    for kind in ("cpu", "cuda", "mps"):
        wait_for(torch.device(kind))
    assert waited == ["cuda", "mps"]


def test_a_network_comes_back_in_the_order_in_which_it_went() -> None:
    stand_in, network = Device("cpu", accelerated=True), nn.Conv2d(2, 3, 3)
    weight = network.weight.detach().clone()
    stand_in.take(network)
    assert network.weight.is_contiguous(memory_format=torch.channels_last)
    stand_in.give_back(network)
    assert network.weight.is_contiguous()
    assert np.array_equal(network.weight.detach().numpy(), weight.numpy())


def test_a_gpu_that_fails_when_the_network_comes_is_told_in_a_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(*values: object, **options: object) -> None:
        raise RuntimeError("CUDA error: no kernel image is available\nCompile with `TORCH_USE`")

    network = nn.Linear(1, 1)
    monkeypatch.setattr(network, "to", fails)
    with pytest.raises(TrainingError, match=r"cuda:0 cannot take a step \(CUDA error: no kernel"):
        GPU.take(network)


@pytest.mark.parametrize(("cuda", "backend"), [(False, "gloo"), (True, "cpu:gloo,cuda:nccl")])
def test_gpus_talk_by_nccl_and_processors_by_gloo(
    monkeypatch: pytest.MonkeyPatch, cuda: bool, backend: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(world_module.dist, "is_nccl_available", lambda: True)
    assert world_module._backend() == backend
