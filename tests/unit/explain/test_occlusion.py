from __future__ import annotations

import numpy as np
import pytest

from convwise.errors import OptionError
from convwise.explain.occlusion import occlusion
from convwise.image import ImageFormat
from known_answers import with_square

NOISE = np.random.default_rng(0).integers(0, 256, (12, 12, 1), dtype=np.uint8)


def test_covering_the_square_costs_the_class_its_logit(squares):
    found = occlusion(squares(), with_square(5, 6), "square", window=3, step=1)
    assert found.falls.shape == (10, 10)
    # The logit is 1 where all nine pixels are seen, and 0 where one of them is covered.
    wanted = np.zeros((10, 10))
    wanted[2:7, 3:8] = 1.0
    np.testing.assert_allclose(found.falls, wanted, atol=1e-4)
    # Whatever covers one of the square's own pixels costs all of it; of no other pixel is that so.
    square = with_square(5, 6) > 0
    np.testing.assert_allclose(found.values[square], 1.0, atol=1e-4)
    assert found.values[~square].max() < 0.9


def test_of_a_linear_network_it_is_the_weighted_change_of_what_is_covered(made):
    weights = np.random.default_rng(1).normal(size=(2, 36)).astype(np.float32)
    image_format = ImageFormat(6, 6, 1, mean=(0.25,), std=(0.5,))
    model = made("flatten | dense classes", image_format, weights={"dense1.kernel": weights})
    picture = NOISE[:6, :6]
    found = occlusion(model, picture, 1, window=2, step=2)
    # The mean colour is level 64, which scales to (64 / 255 - 0.25) / 0.5.
    change = (picture[:, :, 0].astype(float) - 64) / 255 / 0.5
    shares = weights[1].reshape(6, 6) * change
    wanted = shares.reshape(3, 2, 3, 2).sum(axis=(1, 3))
    np.testing.assert_allclose(found.falls, wanted, atol=1e-4)
    np.testing.assert_allclose(found.values, wanted.repeat(2, 0).repeat(2, 1), atol=1e-4)


def test_every_pixel_is_covered_where_steps_do_not_fit(made):
    found = occlusion(made("flatten | dense classes"), NOISE, window=5, step=5)
    assert found.falls.shape == (3, 3)
    assert np.isfinite(found.values).all()


def test_the_probability_with_the_worst_window_covered_is_told(squares):
    found = occlusion(squares(), with_square(5, 6), "square", window=3, step=1)
    assert found.probability == pytest.approx(1 / (1 + np.exp(-1)), abs=1e-4)
    assert found.lowest == pytest.approx(0.5, abs=1e-4)
    assert "covering 3×3 pixels takes it from 73.1 % to 50.0 %" in found.caption


def test_the_smallest_picture_is_covered_whole(made):
    model = made("flatten | dense classes", "1x1x1", weights={"dense1.kernel": [[2.0], [-1.0]]})
    found = occlusion(model, np.full((1, 1), 255, np.uint8), "cat")
    assert found.falls.tolist() == [[pytest.approx(2.0)]]
    assert found.drawn().shape == (1, 1, 3)


def test_windows_that_leave_gaps_are_refused(made):
    with pytest.raises(OptionError, match="some would not be covered"):
        occlusion(made("flatten | dense classes"), NOISE, window=2, step=3)
