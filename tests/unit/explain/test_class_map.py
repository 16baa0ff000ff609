from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from convwise.data.batches import to_input
from convwise.errors import DataError, DesignError, OptionError
from convwise.explain.class_map import grad_cam, last_map
from convwise.image import ImageFormat
from known_answers import with_square

GLOBAL_AVERAGE = "conv 5 3 same relu | conv 6 3 relu | global_avgpool | dense classes"
NOISE = np.random.default_rng(0).integers(0, 256, (12, 12, 1), dtype=np.uint8)


@pytest.mark.parametrize("place", [(3, 4), (8, 2), (6, 9)])
def test_the_map_peaks_where_the_filter_finds_its_square(squares, place):
    found = grad_cam(squares(), with_square(*place))
    assert np.unravel_index(found.values.argmax(), (12, 12)) == place
    assert found.values.max() == 1.0
    # Only where the whole square is seen does the filter answer at all.
    assert np.count_nonzero(found.values) == 1
    assert (found.target, found.label, found.layer) == (1, "square", "conv1")


def test_behind_a_global_average_the_map_is_the_weighted_sum_of_maps(made):
    model = made(GLOBAL_AVERAGE)
    for target in (0, 1):
        found = grad_cam(model, NOISE, target)
        with torch.no_grad():
            x = to_input(NOISE[None], model.image_format)
            maps = model.network.conv2(model.network.conv1(x))[0].numpy()
        weights = model.network.dense1.kernel[target].detach().numpy()
        wanted = np.einsum("c,chw->hw", weights, maps) / 100
        np.testing.assert_allclose(found.evidence, wanted, atol=1e-6)


def test_the_evidence_adds_up_to_the_logit_without_its_bias(made):
    model = made(GLOBAL_AVERAGE, weights={"dense1.bias": [0.5, -2.0]})
    with torch.no_grad():
        logits = model.network(to_input(NOISE[None], model.image_format))[0].numpy()
    for target, bias in enumerate((0.5, -2.0)):
        found = grad_cam(model, NOISE, target)
        assert found.evidence.sum() == pytest.approx(logits[target] - bias, abs=1e-5)


def test_what_speaks_against_a_class_is_cut_off(squares):
    model = squares()
    model.network.state_dict()["dense1.kernel"].copy_(torch.tensor([[-9.0], [1.0]]))
    found = grad_cam(model, with_square(5, 5), "nothing")
    assert found.evidence.min() < 0
    assert not found.values.any()


def test_fused_and_plain_networks_have_one_map(made):
    text = "conv 4 3 relu | maxpool 2 | conv 6 3 norm relu | global_avgpool | dense classes"
    fused, plain = made(text, fuse=True), made(text, fuse=False)
    for layer in ("conv1", "pool1", "norm1", None):
        one, other = (grad_cam(model, NOISE, 1, layer) for model in (fused, plain))
        np.testing.assert_allclose(one.evidence, other.evidence, atol=1e-6)
    assert grad_cam(fused, NOISE, layer="conv1").evidence.shape == (10, 10)


def test_the_map_lies_where_its_places_look(made):
    # A valid 5×5 window sees around pixel 2 first; stride 3 puts the next one at pixel 5.
    text = "conv 1 5 3 | global_avgpool | dense classes"
    model = made(text, weights={"conv1.kernel": 1.0, "conv1.bias": 0.0, "dense1.kernel": 1.0})
    picture = np.zeros((12, 12), np.uint8)
    picture[5, 5] = picture[4, 5] = 255
    found = grad_cam(model, picture)
    assert found.evidence.shape == (3, 3)
    assert found.values[5, 5] == 1.0
    assert found.values[2, 5] == pytest.approx(found.evidence[0, 1] / found.evidence[1, 1])
    assert found.values[3, 5] == pytest.approx((2 * found.values[2, 5] + found.values[5, 5]) / 3)


@pytest.mark.parametrize(
    ("text", "layer"),
    [
        ("conv 4 3 relu | maxpool 2 | flatten | dense 8 relu | dense classes", "pool1"),
        ("conv 4 3 | norm | relu | global_maxpool | dense classes", "activation1"),
        ("conv 4 3 | residual\n  conv 4 3 same\nglobal_avgpool\ndense classes", "add1"),
        ("conv 4 3 relu | conv 4 10 relu | flatten | dense classes", "conv1"),
        ("conv 2 3 same | global_avgpool", "conv1"),
    ],
)
def test_the_last_map_of_more_than_one_place_is_chosen(made, text, layer):
    model = made(text.replace(" | residual", "\nresidual"))
    assert last_map(model.network.plan).name == layer
    assert grad_cam(model, NOISE).layer == layer


def test_the_target_may_be_named_and_is_else_the_prediction(made):
    model = made(GLOBAL_AVERAGE)
    with torch.no_grad():
        logits = model.network(to_input(NOISE[None], model.image_format))
    best = int(logits.argmax())
    found = grad_cam(model, NOISE)
    assert (found.target, found.label) == (best, model.classes[best])
    assert found.probability == pytest.approx(float(logits.softmax(1)[0, best]))
    np.testing.assert_array_equal(
        grad_cam(model, NOISE, "dog").values, grad_cam(model, NOISE, 1).values
    )


def test_pictures_of_any_kind_and_size_are_taken(made, tmp_path: Path):
    model = made(GLOBAL_AVERAGE)
    wanted = grad_cam(model, NOISE)
    Image.fromarray(NOISE[:, :, 0]).save(tmp_path / "noise.png")
    content = (tmp_path / "noise.png").read_bytes()
    for given in (
        NOISE[:, :, 0],
        NOISE[None],
        NOISE[None, :, :, 0],
        tmp_path / "noise.png",
        content,
    ):
        np.testing.assert_array_equal(grad_cam(model, given).values, wanted.values)
    for shape in ((1, 1), (40, 7), (5, 9, 3)):
        found = grad_cam(model, np.full(shape, 200, np.uint8))
        assert found.values.shape == (12, 12)
        assert found.values.dtype == np.float32
        assert 0 <= found.values.min() <= found.values.max() <= 1


def test_a_network_without_maps_is_told_what_is_left(made):
    with pytest.raises(DesignError, match="no class map; use occlusion"):
        grad_cam(made("flatten | dense 4 relu | dense classes"), NOISE)
    with pytest.raises(DesignError, match="no class map"):
        grad_cam(made("conv 3 1 | flatten | dense classes", "1x1x1"), np.zeros((1, 1), np.uint8))


def test_wrong_words_are_told(made):
    model = made(GLOBAL_AVERAGE)
    with pytest.raises(OptionError, match="no layer 'conv3' — did you mean conv2"):
        grad_cam(model, NOISE, layer="conv3")
    with pytest.raises(OptionError, match="dense1 leaves flat values"):
        grad_cam(model, NOISE, layer="dense1")
    with pytest.raises(OptionError, match="no class 'dgo' — did you mean dog"):
        grad_cam(model, NOISE, "dgo")
    with pytest.raises(OptionError, match="class 2 is not between 0 and 1"):
        grad_cam(model, NOISE, 2)
    with pytest.raises(DataError, match="float64"):
        grad_cam(model, NOISE / 255)
    with pytest.raises(DataError, match="one picture at a time"):
        grad_cam(model, np.zeros((2, 12, 12, 1), np.uint8))
    with pytest.raises(DataError, match=r"an image of the shape \(0, 4, 1\)"):
        grad_cam(model, np.zeros((0, 4), np.uint8))
    with pytest.raises(DataError, match=r"gone\.png: cannot be read"):
        grad_cam(model, Path("gone.png"))
    with pytest.raises(OptionError, match="str is no trained model"):
        grad_cam("model", NOISE)


def test_explaining_leaves_the_network_as_it_was(made):
    model = made(GLOBAL_AVERAGE)
    model.network.train()
    before = {name: value.clone() for name, value in model.network.state_dict().items()}
    grad_cam(model, NOISE)
    assert model.network.training
    assert all(
        weight.requires_grad and weight.grad is None for weight in model.network.parameters()
    )
    for name, value in model.network.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)


def test_gradients_are_computed_where_the_caller_has_none(made):
    model = made(GLOBAL_AVERAGE)
    wanted = grad_cam(model, NOISE)
    with torch.inference_mode():
        np.testing.assert_array_equal(grad_cam(model, NOISE).values, wanted.values)


def test_a_notebook_shows_the_map_over_the_picture(made):
    model = made(GLOBAL_AVERAGE, ImageFormat(12, 12, 3), classes=("<b>", "dog"))
    found = grad_cam(model, np.zeros((12, 12, 3), np.uint8), "<b>")
    shown = Image.open(io.BytesIO(found._repr_png_()))
    assert shown.size == (216, 216)
    assert "&lt;b&gt;" in found._repr_html_()
    assert "<b>" not in found._repr_html_()
