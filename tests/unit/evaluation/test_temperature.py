from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from convwise.data.store import PixelStore
from convwise.evaluation.metrics import negative_log_likelihood
from convwise.evaluation.predict import softmax
from convwise.evaluation.split import evaluate_split
from convwise.evaluation.temperature import fit_temperature, unscaled
from convwise.model.trained import TrainedModel


def drawn(
    images: int, temperature: float, seed: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Logits that are too large by a factor, and labels drawn from what they ought to say."""
    generator = np.random.default_rng(seed)
    honest = generator.normal(0, 2, (images, 5))
    chances = softmax(honest.astype(np.float32))
    labels = np.array([generator.choice(5, p=row / row.sum()) for row in chances.astype(float)])
    return (honest * temperature).astype(np.float32), labels


@pytest.mark.parametrize("temperature", [0.5, 2.0, 5.0])
def test_the_temperature_that_was_hidden_is_found(temperature: float) -> None:
    logits, labels = drawn(4_000, temperature)
    found = fit_temperature(logits, labels)
    assert found.reason == "fitted"
    assert found.temperature == pytest.approx(temperature, rel=0.06)
    assert found.before is not None
    assert found.after is not None
    assert found.after.nll < found.before.nll
    assert found.after.ece < found.before.ece
    assert negative_log_likelihood(labels, softmax(logits, found.temperature)) == pytest.approx(
        found.after.nll
    )


def test_no_neighbour_of_the_temperature_is_better() -> None:
    logits, labels = drawn(600, 3.0)
    found = fit_temperature(logits, labels)
    assert found.after is not None
    for other in (0.98, 1.02):
        other_nll = negative_log_likelihood(labels, softmax(logits, other * found.temperature))
        assert other_nll > found.after.nll


def test_few_images_leave_the_temperature_alone_and_say_so() -> None:
    found = fit_temperature(*drawn(49, 3.0))
    assert found.temperature == 1
    assert str(found) == "temperature stays 1: 49 validation images are fewer than 50"
    assert fit_temperature(np.empty((0, 5), np.float32), np.empty(0, np.int64)).before is None


def test_a_gain_that_is_an_accident_leaves_the_temperature_alone() -> None:
    # Honest logits: what two halves of 100 images ask for is noise, in about half of all draws
    # worse for the other half than nothing.
    found = [fit_temperature(*drawn(100, 1.0, seed)) for seed in range(12)]
    stayed = [each for each in found if each.temperature == 1]
    assert 3 <= len(stayed) < 12
    assert all("no other is better" in str(each) for each in stayed)


def test_a_great_many_images_are_thinned_out() -> None:
    logits, labels = drawn(2_000, 2.0)
    found = fit_temperature(np.repeat(logits, 15, axis=0), np.repeat(labels, 15))
    assert found.images == 30_000
    assert found.temperature == pytest.approx(fit_temperature(logits, labels).temperature, rel=0.02)


@given(st.floats(0.2, 5), st.integers(0, 100))
def test_scaling_changes_no_answer_and_can_be_undone(temperature: float, seed: int) -> None:
    logits = np.random.default_rng(seed).normal(0, 3, (20, 4)).astype(np.float32)
    scaled, plain = softmax(logits, temperature), softmax(logits)
    assert (scaled.argmax(axis=1) == plain.argmax(axis=1)).all()
    assert unscaled(scaled, temperature) == pytest.approx(plain, abs=1e-5)


def test_an_evaluation_tells_the_figures_with_and_without(
    model: TrainedModel, pixels: NDArray[np.uint8]
) -> None:
    labels = np.random.default_rng(1).integers(0, 3, len(pixels))
    store = PixelStore(pixels, labels, tuple(map(str, range(len(pixels)))))
    plain = evaluate_split(replace(model, temperature=1.0), store, shift_images=0)
    scaled = evaluate_split(replace(model, temperature=2.5), store, shift_images=0)
    assert (plain.figures["temperature"], scaled.figures["temperature"]) == (1.0, 2.5)
    assert plain.figures["unscaled"]["nll"] == pytest.approx(plain.figures["nll"])
    assert scaled.figures["unscaled"] == pytest.approx(plain.figures["unscaled"], abs=1e-5)
    assert scaled.figures["nll"] != pytest.approx(plain.figures["nll"], rel=1e-4)
    assert scaled.accuracy == plain.accuracy
