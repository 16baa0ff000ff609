"""Easy images take turns, and the expected gradient stays that of all images."""

import numpy as np
import pytest

from convwise.training.pruning import ALL_IMAGES_FROM, Pruning

EASY, HARD = 800, 200


def taught(share: float = 0.5, seed: int = 0) -> Pruning:
    pruning = Pruning(EASY + HARD, share, seed)
    losses = np.concatenate([np.full(EASY, 0.1), np.full(HARD, 3.0)])
    pruning.learn(np.arange(EASY + HARD), losses)
    return pruning


def test_the_first_epoch_leaves_out_nothing() -> None:
    assert (Pruning(10, 0.5, 0).weights(1, 0.0) == 1).all()


def test_hard_images_are_always_there_and_count_once() -> None:
    assert (taught().weights(2, 0.3)[EASY:] == 1).all()


@pytest.mark.parametrize("share", [0.2, 0.5, 0.75])
def test_about_a_share_of_the_easy_images_is_left_out(share: float) -> None:
    out = (taught(share).weights(2, 0.3)[:EASY] == 0).mean()
    assert out == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / EASY))


def test_over_many_epochs_each_easy_image_counts_once_on_average() -> None:
    pruning = taught()
    mean = np.mean([pruning.weights(epoch, 0.3) for epoch in range(2, 402)], axis=0)
    assert mean[:EASY] == pytest.approx(1.0, abs=5 / np.sqrt(400))
    assert mean.mean() == pytest.approx(1.0, abs=0.01)


def test_the_last_part_of_training_sees_all_images() -> None:
    assert (taught().weights(9, ALL_IMAGES_FROM) == 1).all()


def test_without_a_share_nothing_is_left_out() -> None:
    assert (taught(share=0.0).weights(2, 0.3) == 1).all()


def test_the_choice_follows_seed_and_epoch() -> None:
    first = taught().weights(2, 0.3)
    assert (first == taught().weights(2, 0.3)).all()
    assert (first != taught().weights(3, 0.3)).any()
    assert (first != taught(seed=1).weights(2, 0.3)).any()


def test_an_image_that_was_never_seen_is_not_easy() -> None:
    pruning = Pruning(4, 0.5, 0)
    pruning.learn(np.array([0, 1]), np.array([0.1, 3.0]))
    assert (pruning.weights(2, 0.3)[1:] == 1).all()


def test_images_that_are_all_alike_are_all_kept() -> None:
    pruning = Pruning(4, 0.5, 0)
    pruning.learn(np.arange(4), np.full(4, 0.5))
    assert (pruning.weights(2, 0.3) == 1).all()
