from __future__ import annotations

import pytest

from convwise.design.plan import plan
from convwise.errors import ModelFileError
from convwise.model.build import build
from convwise.model.weights import check_weights, declared_weights, weights_of

PLAN = plan("conv 4 3 norm relu | global_avgpool | dense classes", "8x8x1", 2)


def test_fitting_weights_pass() -> None:
    check_weights(PLAN, declared_weights(PLAN))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"conv1.kernel": None}, "conv1.kernel is missing"),
        ({"conv9.kernel": (1,)}, "conv9.kernel belongs to no layer"),
        ({"dense1.bias": (3,)}, r"dense1.bias is \[3\] instead of \[2\]"),
    ],
)
def test_a_misfit_is_named(change: dict[str, tuple[int, ...] | None], message: str) -> None:
    found = {name: shape for name, shape in (declared_weights(PLAN) | change).items() if shape}
    with pytest.raises(ModelFileError, match=message):
        check_weights(PLAN, found)


def test_many_misfits_are_counted() -> None:
    with pytest.raises(ModelFileError, match=r"\(and 4 more\)"):
        check_weights(PLAN, {})


def test_weights_are_contiguous_copies_of_nothing_trainable() -> None:
    weights = weights_of(build(PLAN))
    assert list(weights) == list(build(PLAN).state_dict())
    for weight in weights.values():
        assert weight.is_contiguous()
        assert not weight.requires_grad
