""".keras archives both ways against real Keras: written here and opened there, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from convwise.design import AveragePooling2D, Plan, plan, zoo
from convwise.errors import ModelFileError, OptionError
from convwise.evaluation.predict import predict_probabilities
from convwise.image import ImageFormat
from convwise.model.build import build
from convwise.model.trained import TrainedModel
from convwise.ship.keras_file import keras_bytes
from convwise.ship.keras_import import import_keras
from drawn_networks import Drawing

DRAWN = 24
WRITTEN = (
    "conv 4 3 same | blurpool 3 2 same | fixed sobel | global_avgpool | dense classes",
    "conv 4 3 2 same|residual identity (conv 7 3 2 same relu|layernorm)|flatten|norm|dense classes",
    "conv 3 3 | avgpool 2 2 same | residual (conv 6 3 2 same norm relu) | flatten | dense classes",
)
ZOO = ("lenet", "fast", "keras-convnet")


def plans() -> dict[str, Plan]:
    drawing = Drawing(seed=31)
    found = {f"drawn{number}": drawing.network() for number in range(DRAWN)}
    found |= {text[:30]: plan(text, (13, 15, 3), 5).require() for text in WRITTEN}
    for name in ZOO:
        entry = zoo.entry(name)
        found[name] = plan(name, entry.image, entry.classes).require()
    return found


PLANS = plans()


def made_of(made: Plan) -> TrainedModel:
    generator = torch.Generator().manual_seed(len(made.rows))
    network = build(made, seed=3).eval()
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if name.endswith(("mean", "beta", "bias")):
                value.copy_(0.3 * torch.randn(value.shape, generator=generator))
            elif name.endswith(("variance", "gamma")):
                value.copy_(torch.rand(value.shape, generator=generator) + 0.5)
    channels = made.image[2]
    image = ImageFormat(
        *made.image, mean=(0.4, 0.3, 0.2)[:channels], std=(0.2, 0.3, 0.4)[:channels]
    )
    return TrainedModel(network, image, tuple(map(str, range(made.classes))), temperature=1.5)


def images(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (3, *shape), dtype=np.uint8)


def needs_scaling_inside(made: Plan) -> bool:
    """Whether a Rescaling amid the network stands for a layer that Keras lacks or gets wrong."""
    return any(
        type(row.layer).__name__ == "BlurPool2D" or isinstance(row.layer, AveragePooling2D)
        for row in made.rows
        if row.layer.window() and any(a != b for a, b in row.layer.window().pads(row.input_shape))
    ) or any(type(row.layer).__name__ == "BlurPool2D" for row in made.rows)


def test_there_are_thirty_networks() -> None:
    assert len(PLANS) >= 30


@pytest.mark.parametrize("made", PLANS.values(), ids=PLANS)
def test_keras_opens_what_is_written_and_its_own_file_is_read_back(
    made: Plan, tmp_path: Path
) -> None:
    model = made_of(made)
    (tmp_path / "ours.keras").write_bytes(keras_bytes(model))
    theirs = keras.saving.load_model(tmp_path / "ours.keras", compile=False)
    pixels = images(made.image)
    wanted = predict_probabilities(model, pixels)
    np.testing.assert_allclose(theirs.predict_on_batch(pixels), wanted, atol=1e-5)
    theirs.save(tmp_path / "theirs.keras")
    if needs_scaling_inside(made):
        with pytest.raises(ModelFileError, match="amid the network"):
            import_keras(tmp_path / "theirs.keras")
        return
    back = import_keras(tmp_path / "theirs.keras", resize="pad")
    assert back.network.plan.total_params >= made.total_params
    np.testing.assert_allclose(predict_probabilities(back, pixels), wanted, atol=1e-5)


def sequential(*layers: Any) -> Any:
    return keras.Sequential([keras.Input((9, 8, 3)), *layers])


def test_a_sequential_model_that_was_trained_is_read(tmp_path: Path) -> None:
    model = sequential(
        keras.layers.Rescaling(1 / 127.5, offset=-1),
        keras.layers.Conv2D(5, 3, kernel_regularizer="l2"),
        keras.layers.ReLU(max_value=6),
        keras.layers.MaxPooling2D(),
        keras.layers.Flatten(),
        keras.layers.Dense(4),
        keras.layers.Softmax(),
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(images((9, 8, 3)), np.arange(3), verbose=0)
    model.save(tmp_path / "m.keras")
    found = import_keras(tmp_path / "m.keras", classes=["a", "b", "c", "d"])
    assert found.classes == ("a", "b", "c", "d")
    assert found.image_format.resize == "stretch"
    wanted = model.predict_on_batch(images((9, 8, 3)).astype(np.float32))
    np.testing.assert_allclose(predict_probabilities(found, images((9, 8, 3))), wanted, atol=1e-5)


def test_a_normalization_layer_becomes_the_image_format(tmp_path: Path) -> None:
    model = sequential(
        keras.layers.Normalization(mean=[120.0, 110.0, 90.0], variance=[900.0, 800.0, 700.0]),
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dense(3, activation="softmax"),
    )
    model.save(tmp_path / "m.keras")
    found = import_keras(tmp_path / "m.keras")
    np.testing.assert_allclose(found.image_format.mean, np.array([120, 110, 90]) / 255)
    wanted = model.predict_on_batch(images((9, 8, 3)).astype(np.float32))
    np.testing.assert_allclose(predict_probabilities(found, images((9, 8, 3))), wanted, atol=1e-5)


def test_how_pixels_were_scaled_is_asked_where_the_model_does_not_say(tmp_path: Path) -> None:
    model = sequential(keras.layers.Flatten(), keras.layers.Dense(3))
    model.save(tmp_path / "m.keras")
    with pytest.raises(OptionError, match=r"--pixels 0\.\.1, -1\.\.1 or 0\.\.255"):
        import_keras(tmp_path / "m.keras")
    for pixels, scaled in (
        ("0..1", images((9, 8, 3)) / 255),
        ("-1..1", images((9, 8, 3)) / 127.5 - 1),
    ):
        found = import_keras(tmp_path / "m.keras", pixels=pixels)  # type: ignore[arg-type]
        logits = model.predict_on_batch(scaled.astype(np.float32))
        wanted = torch.softmax(torch.from_numpy(logits), 1).numpy()
        np.testing.assert_allclose(
            predict_probabilities(found, images((9, 8, 3))), wanted, atol=1e-5
        )


@pytest.mark.parametrize(
    ("layers", "match"),
    [
        ((lambda: keras.layers.GaussianNoise(0.1),), "GaussianNoise.* has no counterpart"),
        ((lambda: keras.layers.Conv2D(3, 3, activation="mish"),), "activation"),
        ((lambda: keras.layers.LeakyReLU(negative_slope=0.3),), "negative_slope"),
        ((lambda: keras.layers.BatchNormalization(axis=1),), "axis"),
        ((lambda: keras.layers.GlobalAveragePooling2D(keepdims=True),), "keepdims"),
        ((lambda: keras.layers.Conv2D(3, 3, dtype="float16"),), "only float32"),
        ((lambda: keras.layers.Lambda(lambda x: x),), "Lambda.* has no counterpart"),
        ((lambda: keras.layers.Activation("relu"), lambda: keras.layers.Rescaling(2.0)), "amid"),
        ((lambda: sequential(keras.layers.Dropout(0.1)),), "Sequential.* has no counterpart"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, layers: Any, match: str) -> None:
    made = [make() for make in layers]
    model = sequential(*made, keras.layers.Flatten(), keras.layers.Dense(3))
    model.save(tmp_path / "m.keras")
    with pytest.raises(ModelFileError, match=match):
        import_keras(tmp_path / "m.keras", pixels="0..1")


def test_models_that_are_no_classifiers_of_images_are_refused(tmp_path: Path) -> None:
    cases = {
        "ends in sigmoid": [keras.layers.Flatten(), keras.layers.Dense(3, activation="sigmoid")],
        "does not end in a Dense": [keras.layers.Flatten()],
    }
    for match, layers in cases.items():
        sequential(*layers).save(tmp_path / "m.keras")
        with pytest.raises(ModelFileError, match=match):
            import_keras(tmp_path / "m.keras", pixels="0..1")


def test_a_layer_that_is_used_twice_is_refused(tmp_path: Path) -> None:
    image = keras.Input((8, 8, 3))
    shared = keras.layers.Conv2D(3, 3, padding="same")
    x = keras.layers.Flatten()(shared(shared(image)))
    keras.Model(image, keras.layers.Dense(2)(x)).save(tmp_path / "m.keras")
    with pytest.raises(ModelFileError, match="used several times"):
        import_keras(tmp_path / "m.keras", pixels="0..1")
