from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convwise.explain.label_errors import label_errors


def clear_answers(labels, sure=0.9):
    """Return probabilities of a network that is right and equally sure of each image."""
    probabilities = np.full((len(labels), 3), (1 - sure) / 2, np.float32)
    probabilities[np.arange(len(labels)), labels] = sure
    return probabilities


def test_the_labels_that_were_changed_are_found():
    truth = np.arange(60) % 3
    probabilities = clear_answers(truth)
    labels = truth.copy()
    labels[[4, 11, 30]] = (truth[[4, 11, 30]] + 1) % 3
    found = label_errors(labels, probabilities)
    assert sorted(each.image for each in found) == [4, 11, 30]
    for each in found:
        assert (each.label, each.suggested) == (labels[each.image], truth[each.image])
        assert (each.own, each.other) == (pytest.approx(0.05), pytest.approx(0.9))


def test_a_mistake_that_the_network_is_not_sure_of_is_no_label_error():
    labels = np.arange(30) % 3
    probabilities = clear_answers(labels)
    probabilities[7] = (0.2, 0.35, 0.45)
    assert label_errors(labels, probabilities) == ()


def test_each_class_is_held_to_its_own_measure():
    labels = np.array([0] * 10 + [1] * 10)
    probabilities = np.zeros((20, 2), np.float32)
    # Of class 0 the network is never surer than 0.6, of class 1 it is certain.
    probabilities[:10] = (0.6, 0.4)
    probabilities[10:] = (0.01, 0.99)
    probabilities[12] = (0.58, 0.42)
    probabilities[15] = (0.62, 0.38)
    assert [each.image for each in label_errors(labels, probabilities)] == [15]


def test_the_likeliest_error_comes_first():
    labels = np.array([0] * 8 + [1] * 8)
    probabilities = np.where(labels[:, None] == [0, 1], 0.8, 0.2).astype(np.float32)
    probabilities[[3, 9]] = (0.1, 0.9), (0.95, 0.05)
    assert [each.image for each in label_errors(labels, probabilities)] == [9, 3]


def test_a_class_without_images_is_never_suggested():
    labels = np.zeros(6, np.int64)
    probabilities = np.tile(np.array([0.1, 0.9], np.float32), (6, 1))
    assert label_errors(labels, probabilities) == ()
    assert label_errors(labels[:0], probabilities[:0]) == ()


@given(st.integers(0, 2**32 - 1))
def test_no_right_answer_and_no_unsure_one_is_named(seed):
    random = np.random.default_rng(seed)
    labels = random.integers(0, 4, 40)
    probabilities = random.dirichlet(np.full(4, 0.5), 40).astype(np.float32)
    for each in label_errors(labels, probabilities):
        mean = probabilities[labels == each.suggested, each.suggested].mean()
        assert each.suggested != labels[each.image]
        assert each.other >= mean - 1e-6
