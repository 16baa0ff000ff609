from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn import metrics

from convwise.evaluation.metrics import negative_log_likelihood, score

CLASSES = ("a", "b", "c", "d")


def answers(seed: int, *, unseen: bool = False) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 3 if unseen else 4, 150)
    logits = generator.normal(size=(150, 4)) + 1.2 * np.eye(4)[labels]
    powers = np.exp(logits)
    return labels, (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("unseen", [False, True])
@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
def test_figures_are_those_of_scikit_learn(unseen: bool) -> None:
    labels, probabilities = answers(1, unseen=unseen)
    predicted = probabilities.argmax(axis=1)
    found = score(labels, probabilities, CLASSES)
    assert found["images"] == 150
    assert found["accuracy"] == metrics.accuracy_score(labels, predicted)
    wanted = metrics.balanced_accuracy_score(labels, predicted)
    assert found["balanced_accuracy"] == pytest.approx(wanted)
    f1 = metrics.f1_score(labels, predicted, average="macro", labels=range(4), zero_division=0)
    assert found["macro_f1"] == pytest.approx(f1)
    exact = probabilities.astype(np.float64)
    exact /= exact.sum(axis=1, keepdims=True)
    nll = metrics.log_loss(labels, exact, labels=range(4))
    assert found["nll"] == pytest.approx(nll, rel=1e-5)
    confusion = metrics.confusion_matrix(labels, predicted, labels=range(4))
    assert found["confusion"] == confusion.tolist()


def test_the_confusion_has_a_row_for_each_true_class() -> None:
    probabilities = np.eye(4, dtype=np.float32)[[1, 1, 2]]
    found = score(np.array([0, 1, 2]), probabilities, CLASSES)
    assert found["confusion"] == [[0, 1, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]


def test_each_class_has_its_own_figures() -> None:
    labels = np.array([0, 0, 1, 1, 1, 3])
    probabilities = np.eye(4, dtype=np.float32)[[0, 1, 1, 1, 3, 3]]
    found = {entry["class"]: entry for entry in score(labels, probabilities, CLASSES)["per_class"]}
    assert (found["b"]["precision"], found["b"]["recall"]) == pytest.approx((2 / 3, 2 / 3))
    assert found["b"]["images"] == 3
    assert found["c"]["images"] == found["c"]["f1"] == 0
    assert found["c"]["recall_interval"] == [0.0, 1.0]
    assert found["a"]["recall_interval"][0] < 0.5 < found["a"]["recall_interval"][1]


def test_a_probability_of_zero_gives_a_finite_loss() -> None:
    labels = np.array([0])
    loss = negative_log_likelihood(labels, np.array([[0.0, 1.0]], np.float32))
    assert math.isfinite(loss)
    assert loss > 80


def test_figures_are_plain_json_values() -> None:
    import json

    labels, probabilities = answers(2)
    found = score(labels, probabilities, CLASSES)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
