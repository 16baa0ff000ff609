from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.validation import check_is_fitted

from convwise.classifier import Classifier
from convwise.errors import DataError, DesignError, ModelFileError, OptionError, StorageError
from convwise.training.progress import EpochRecord, Watcher
from convwise.training.recipe import Recipe

RECIPE = Recipe(epochs=6, batch_size=5, optimizer="sgd", learning_rate=0.05, flip=False, shift=0)
Images = np.ndarray[Any, np.dtype[np.uint8]]


def pictures(count: int = 30) -> tuple[Images, np.ndarray[Any, Any]]:
    generator = np.random.default_rng(0)
    labels = np.arange(count) % 3
    images = generator.integers(0, 90, (count, 6, 6), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[2 * label : 2 * label + 2] += 150
    return images, labels


IMAGES, CODES = pictures()
NAMES = np.array(["zebra", "ant", "moth"])[CODES]


def make(**settings: Any) -> Classifier:
    settings = {
        "network": "flatten | dense classes",
        "recipe": RECIPE,
        "precision": "fp32",
    } | settings
    return Classifier(**settings)


@pytest.fixture(scope="module")
def fitted() -> Classifier:
    return make().fit(IMAGES, NAMES)


def test_the_constructor_only_keeps_its_arguments() -> None:
    nonsense = Classifier(network="no such network", seed="later", precision="fp1")  # type: ignore[arg-type]
    names = list(inspect.signature(Classifier).parameters)
    assert vars(nonsense) == {name: getattr(nonsense, name) for name in names}
    assert nonsense.network == "no such network"


def test_parameters_are_got_set_and_cloned() -> None:
    classifier = make(seed=3)
    parameters = classifier.get_params()
    names = {"network", "recipe", "seed", "precision", "watcher", "start_from", "weights"} | {
        "device"
    }
    assert parameters.keys() == names
    assert classifier.set_params(seed=8, network="lenet") is classifier
    assert (classifier.seed, classifier.network) == (8, "lenet")
    twin = clone(classifier)
    assert twin is not classifier
    assert twin.get_params() == classifier.get_params()
    with pytest.raises(ValueError, match="epochs"):
        classifier.set_params(epochs=3)


def test_a_clone_of_a_fitted_classifier_is_not_fitted(fitted: Classifier) -> None:
    check_is_fitted(fitted)
    with pytest.raises(NotFittedError):
        check_is_fitted(clone(fitted))


@pytest.mark.parametrize("ask", ["predict", "predict_proba", "evaluate", "save"])
def test_asking_before_fit_is_told(ask: str, tmp_path: Path) -> None:
    arguments = {"evaluate": (IMAGES, NAMES), "save": (tmp_path / "m",)}.get(ask, (IMAGES,))
    with pytest.raises(NotFittedError, match="call fit"):
        getattr(make(), ask)(*arguments)
    assert list(tmp_path.iterdir()) == []


def test_fit_returns_the_classifier_and_learns_sorted_classes(fitted: Classifier) -> None:
    classifier = make(recipe=Recipe(epochs=1, batch_size=10))
    assert classifier.fit(IMAGES, NAMES) is classifier
    assert fitted.classes_.tolist() == ["ant", "moth", "zebra"]
    assert len(fitted.history_) == 6
    assert fitted.score(IMAGES, NAMES) > 0.9


@pytest.mark.parametrize(
    "labels",
    [CODES, CODES * 10 - 10, NAMES, list(NAMES), CODES.astype(np.int8), CODES > 0, CODES / 2],
    ids=["codes", "numbers", "texts", "list", "bytes", "flags", "floats"],
)
def test_predictions_are_labels_of_the_kind_that_was_given(labels: Any) -> None:
    classifier = make().fit(IMAGES, labels)
    predicted = classifier.predict(IMAGES)
    assert predicted.dtype == np.asarray(labels).dtype
    assert set(predicted.tolist()) <= set(np.asarray(labels).tolist())
    assert classifier.predict_proba(IMAGES).shape == (30, len(set(np.asarray(labels).tolist())))


def test_probabilities_add_to_one_and_the_largest_is_predicted(fitted: Classifier) -> None:
    probabilities = fitted.predict_proba(IMAGES)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    assert (fitted.classes_[probabilities.argmax(axis=1)] == fitted.predict(IMAGES)).all()


def test_grey_images_may_have_a_channel_axis_and_lists_are_images_too(fitted: Classifier) -> None:
    plain = fitted.predict_proba(IMAGES)
    assert np.array_equal(plain, fitted.predict_proba(IMAGES[..., np.newaxis]))
    fortran = np.asfortranarray(IMAGES)
    assert np.array_equal(plain, fitted.predict_proba(fortran))


def test_fit_changes_neither_images_nor_labels() -> None:
    images, labels = IMAGES.copy(), NAMES.copy()
    images.flags.writeable = labels.flags.writeable = False
    make().fit(images, labels)
    assert np.array_equal(images, IMAGES)


def test_the_same_seed_gives_the_same_answers() -> None:
    first, again, other = (
        make(seed=seed).fit(IMAGES, NAMES).predict_proba(IMAGES) for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_fitting_again_starts_afresh(fitted: Classifier) -> None:
    again = make().fit(255 - IMAGES, CODES).fit(IMAGES, NAMES)
    assert np.array_equal(again.predict_proba(IMAGES), fitted.predict_proba(IMAGES))


def test_colour_images_are_learnt_from() -> None:
    colour = np.stack([IMAGES, 255 - IMAGES, IMAGES], axis=3)
    assert make().fit(colour, NAMES).model_.image_format.shape == (6, 6, 3)


def test_saving_and_loading_gives_the_same_probabilities(
    fitted: Classifier, tmp_path: Path
) -> None:
    path = fitted.save(tmp_path / "model.safetensors")
    for place in (path, str(path), tmp_path):
        loaded = Classifier.load(place)
        assert np.array_equal(loaded.predict_proba(IMAGES), fitted.predict_proba(IMAGES))
        assert loaded.classes_.tolist() == fitted.classes_.tolist()
        assert loaded.score(IMAGES, NAMES) == fitted.score(IMAGES, NAMES)
    assert loaded.fit(IMAGES, CODES).predict(IMAGES).dtype == CODES.dtype


def test_files_that_cannot_be_saved_or_loaded_are_told(fitted: Classifier, tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        fitted.save(tmp_path / "gone" / "model.safetensors")
    with pytest.raises(ModelFileError):
        Classifier.load(tmp_path)


def test_evaluation_gives_every_figure(fitted: Classifier) -> None:
    figures = fitted.evaluate(IMAGES, NAMES)
    assert figures["accuracy"] == fitted.score(IMAGES, NAMES)
    assert [entry["class"] for entry in figures["per_class"]] == ["ant", "moth", "zebra"]
    assert len(figures["shift"]) == 5
    assert fitted.evaluate(IMAGES, NAMES, shift_images=0)["shift"] == []


@pytest.mark.parametrize("label", ["aardvark", "yak", "zzz", 3])
def test_a_label_that_was_not_seen_is_told(fitted: Classifier, label: Any) -> None:
    with pytest.raises(DataError, match="was not seen in fit"):
        fitted.evaluate(IMAGES[:2], np.array(["ant", label]) if label != 3 else np.array([3, 3]))


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (IMAGES / 255, NAMES, "float64; give uint8"),
        (IMAGES.astype(np.int64), NAMES, "int64; give uint8"),
        (IMAGES[0], NAMES, "have the shape"),
        (np.zeros((3, 6, 6, 4), np.uint8), NAMES[:3], "1 or 3 channels"),
        (IMAGES[:0], NAMES[:0], "have the shape"),
        (IMAGES, NAMES[:5], "30 images come with 5 labels"),
        (IMAGES, np.zeros(30), "only one class"),
        (IMAGES, np.stack([NAMES, NAMES], axis=1), "labels"),
    ],
)
def test_arrays_that_do_not_belong_together_are_told(
    images: Any, labels: Any, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        make().fit(images, labels)


def test_images_of_another_size_are_told(fitted: Classifier) -> None:
    with pytest.raises(DataError, match="6, 6, 1"):
        fitted.predict(np.zeros((2, 7, 6), np.uint8))


def test_mistakes_in_the_constructor_are_told_by_fit() -> None:
    with pytest.raises(OptionError, match="no network that convwise knows"):
        make(network="resnet-9000").fit(IMAGES, NAMES)
    with pytest.raises(DesignError, match="conv1"):
        make(network="conv 4 9 | flatten | dense classes").fit(IMAGES, NAMES)
    with pytest.raises(OptionError, match="precision"):
        make(precision="fp16").fit(IMAGES, NAMES)


def test_tiny_sets_can_be_learnt_from() -> None:
    images, labels = IMAGES[:3], NAMES[:3]
    assert make().fit(images, labels).predict(images).shape == (3,)


def test_watchers_are_told() -> None:
    class Counting(Watcher):
        epochs = 0

        def epoch(self, record: EpochRecord) -> None:
            self.epochs += 1

    watcher = Counting()
    make(watcher=watcher).fit(IMAGES, NAMES)
    assert watcher.epochs == 6


def test_it_works_in_cross_validation_and_pipelines() -> None:
    scores = cross_val_score(make(), IMAGES, NAMES, cv=3)
    assert scores.shape == (3,)
    assert (scores > 0.5).all()
    inverted = Pipeline([("invert", FunctionTransformer(np.invert)), ("cnn", make())])
    inverted.fit(IMAGES, NAMES)
    assert inverted.score(IMAGES, NAMES) > 0.9
    assert inverted.set_params(cnn__seed=4).get_params()["cnn__seed"] == 4
