from __future__ import annotations

import numpy as np
import pytest

from convwise.errors import DataError
from convwise.explain.embedding import Embedding, embedding
from convwise.explain.neighbours import nearest


def test_the_nearest_are_those_with_the_largest_cosine():
    random = np.random.default_rng(0)
    asked, train = (random.normal(size=(count, 5)).astype(np.float32) for count in (4, 30))
    cosines = (asked / np.linalg.norm(asked, axis=1, keepdims=True)) @ (
        train / np.linalg.norm(train, axis=1, keepdims=True)
    ).T
    for row, found in zip(cosines, nearest(asked, train, 3), strict=True):
        assert [each.image for each in found] == np.argsort(-row)[:3].tolist()
        np.testing.assert_allclose(
            [each.likeness for each in found], np.sort(row)[::-1][:3], atol=1e-6
        )


def test_fewer_training_images_than_neighbours_are_all_of_them():
    found = nearest(np.ones((2, 3), np.float32), np.eye(3, dtype=np.float32), 9)
    assert [len(each) for each in found] == [3, 3]
    assert nearest(np.ones((2, 3), np.float32), np.empty((0, 3), np.float32), 2) == [(), ()]
    assert nearest(np.empty((0, 3), np.float32), np.eye(3, dtype=np.float32), 2) == []


def test_groups_of_features_stay_together():
    random = np.random.default_rng(0)
    group = np.repeat([0, 1, 2], 20)
    features = (random.normal(size=(60, 80)) + 30 * np.eye(3, 80)[group]).astype(np.float32)
    places = embedding(features)
    apart = np.linalg.norm(places[:, None] - places[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    assert (group[apart.argmin(axis=1)] == group).all()
    assert places.min() == 0.0
    assert places.max() == pytest.approx(1.0)
    np.testing.assert_array_equal(embedding(features), places)


@pytest.mark.parametrize("shape", [(1, 8), (3, 8), (4, 1), (5, 2), (9, 3)])
def test_few_images_are_laid_out_too(shape):
    places = embedding(np.random.default_rng(0).normal(size=shape).astype(np.float32))
    assert places.shape == (shape[0], 2)
    assert np.isfinite(places).all()


def test_what_cannot_be_laid_out_is_told():
    with pytest.raises(DataError, match="1,001 images are more than the 1,000"):
        embedding(np.zeros((1001, 2), np.float32))
    with pytest.raises(DataError, match=r"features of the shape \(0, 4\)"):
        embedding(np.zeros((0, 4), np.float32))


def test_thumbnails_are_drawn_at_their_places():
    places = np.array([[0, 0], [1, 1]], np.float32)
    thumbnails = np.stack([np.full((4, 4, 1), level, np.uint8) for level in (10, 20)])
    numbers = np.array([0, 1])
    drawn = Embedding(places, thumbnails, numbers, numbers, numbers).drawn()
    assert drawn[20, 20].tolist() == [10] * 3
    assert drawn[1020, 1020].tolist() == [20] * 3
