"""The changes that the ablation of the recipe measures."""

from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest

from convwise.data.store import PixelStore
from convwise.image import ImageFormat
from convwise.training.recipe import Recipe


@pytest.fixture
def ablation(load: Callable[[str], ModuleType]) -> ModuleType:
    return load("recipe_ablation")


def test_each_change_is_another_recipe_or_another_network(ablation: ModuleType) -> None:
    base = ablation.CHANGES["none"]
    assert not base.recipe
    for name, change in ablation.CHANGES.items():
        recipe = Recipe.of(ablation.BASE | {"epochs": change.epochs} | dict(change.recipe))
        usual = Recipe.of(ablation.BASE | {"epochs": change.epochs})
        same_network = (change.width, change.gelu) == (base.width, base.gelu)
        assert (recipe == usual and same_network) == (name == "none")


def test_a_change_is_measured_on_images_that_were_not_learnt(
    ablation: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)

    def store(images: int) -> PixelStore:
        labels = np.arange(images) % 2
        pixels = rng.integers(0, 40, (images, 28, 28, 1), np.uint8) + 200 * labels[
            :, None, None, None
        ].astype(np.uint8)
        return PixelStore(pixels, labels, tuple(map(str, range(images))))

    monkeypatch.setitem(
        ablation.CHANGES, "no smoothing", ablation.Change({"batch_size": 16}, 3, 0.5)
    )
    grey = ImageFormat(28, 28, 1, mean=(0.5,), std=(0.3,))
    images = ablation.Parted(store(256), store(400), ("dark", "bright"), grey)
    found = ablation.measure("no smoothing", 0, images)
    assert found["accuracy"] == 1.0
    assert 0 <= found["loss"] < 0.2
    assert found["megaflops"] < 5
