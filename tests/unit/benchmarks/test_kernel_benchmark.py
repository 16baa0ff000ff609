"""The benchmark of the kernels: both ways do the same work, and the arithmetic is right."""

from collections.abc import Callable
from types import ModuleType

import pytest
import torch

from convwise.kernels import available

if not available():
    pytest.skip("kernels need Numba and torch's OpenMP threads", allow_module_level=True)

SHAPE = (4, 6, 8, 8)


@pytest.fixture
def benchmark(load: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = load("kernels")
    monkeypatch.setattr(module, "ROUNDS", 2)
    return module


@pytest.mark.parametrize("number", [torch.float32, torch.bfloat16], ids=str)
def test_kernel_and_torch_do_the_same_work(benchmark, number: torch.dtype) -> None:
    cases = benchmark.layer_cases(number, SHAPE)
    assert len(cases) == 8
    for name, (ours, theirs, moved) in cases.items():
        assert moved > 0
        found, expected = (
            work()[0] if isinstance(work(), tuple) else work() for work in (ours, theirs)
        )
        assert found.shape == expected.shape, name
        # Dropout draws other values to drop, and each backward pass has a gradient of its own.
        if name.endswith("forward") and not name.startswith("dropout"):
            error = (found.float() - expected.float()).abs().max()
            assert error < (1e-4 if number == torch.float32 else 0.1), name


def test_a_training_batch_is_the_same_both_ways(benchmark) -> None:
    ((ours, theirs, _),) = benchmark.picture_case().values()
    assert torch.equal(ours(), theirs())


def test_the_table_has_a_row_for_each_case_and_type(benchmark) -> None:
    results = {
        name: {
            case: benchmark.measured(*work)
            for case, work in benchmark.layer_cases(kind, SHAPE).items()
        }
        for name, kind in benchmark.TYPES.items()
    }
    assert len(benchmark.table(results).splitlines()) == 2 + 16
    facts = results["float32"]["dropout, forward"]
    assert facts["megabytes"] == 4 * 2 * 4 * 6 * 8 * 8 / 1e6
    times = facts["milliseconds"]
    assert facts["times_torch"] == times["torch"]["median"] / times["kernel"]["median"]
