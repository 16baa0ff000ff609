from __future__ import annotations

import importlib.util
import sys

import numpy as np
import pytest

from convwise.errors import MissingExtraError
from convwise.explain.gradients import integrated_gradients, require_captum
from convwise.image import ImageFormat

NOISE = np.random.default_rng(0).integers(0, 256, (12, 12, 3), dtype=np.uint8)


def test_of_a_linear_network_each_pixel_has_its_weighted_change(made):
    pytest.importorskip("captum")
    weights = np.random.default_rng(1).normal(size=(2, 432)).astype(np.float32)
    image_format = ImageFormat(12, 12, 3, mean=(0.5, 0.25, 0.0), std=(0.5, 0.25, 1.0))
    model = made("flatten | dense classes", image_format, weights={"dense1.kernel": weights})
    found = integrated_gradients(model, NOISE, 1)
    scaled = (NOISE / 255 - image_format.mean) / image_format.std
    # Flat values come channel by channel of each place, as in Keras.
    wanted = (weights[1].reshape(12, 12, 3) * scaled).sum(axis=2)
    np.testing.assert_allclose(found.values, wanted, atol=1e-4)


def test_values_add_up_to_what_the_picture_changes(made):
    pytest.importorskip("captum")
    model = made(
        "conv 6 3 norm relu | maxpool 2 | conv 6 3 relu | flatten | dense classes", "12x12x3"
    )
    found = integrated_gradients(model, NOISE, steps=256)
    assert found.values.shape == (12, 12)
    assert found.values.sum() == pytest.approx(found.gained, rel=0.02, abs=2e-3)
    assert all(weight.grad is None for weight in model.network.parameters())


def test_missing_captum_is_told_with_its_pip_line(made, monkeypatch):
    monkeypatch.setitem(sys.modules, "captum", None)
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'convwise\[explain\]'"):
        integrated_gradients(made("flatten | dense classes", "12x12x3"), NOISE)
    monkeypatch.undo()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match="captum is not installed"):
        require_captum()
