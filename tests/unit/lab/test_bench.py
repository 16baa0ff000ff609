from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image
from starlette.testclient import TestClient

from convwise.design.banks import BANKS
from convwise.design.plan import plan
from convwise.design.window import Window
from convwise.geometry import Padding, output_size, same_padding, window_span
from convwise.lab.bench import convolved, pooled
from convwise.lab.bench_requests import kernel_choices
from convwise.lab.places import Places

ASK = "/api/design/bench/map"
SOBEL = [[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]]


def png(width: int, height: int) -> bytes:
    file = io.BytesIO()
    Image.new("L", (width, height), 90).save(file, "PNG")
    return file.getvalue()


def seen_by_hand(
    image: np.ndarray, window: Window, row: int, column: int
) -> list[tuple[int, int, float]]:
    """What a window sees: (row, column) in it and the value, those outside the image left out."""
    found = []
    above, left = (
        same_padding(size, kernel, stride, gap)[0] if window.padding == "same" else 0
        for size, kernel, stride, gap in zip(
            image.shape, window.kernel, window.strides, window.dilation, strict=True
        )
    )
    for down in range(window.kernel[0]):
        for along in range(window.kernel[1]):
            y = row * window.strides[0] - above + down * window.dilation[0]
            x = column * window.strides[1] - left + along * window.dilation[1]
            if 0 <= y < image.shape[0] and 0 <= x < image.shape[1]:
                found.append((down, along, float(image[y, x])))
    return found


sizes = st.tuples(st.integers(1, 9), st.integers(1, 9))
small = st.tuples(st.integers(1, 4), st.integers(1, 4))
gaps = st.tuples(st.integers(1, 3), st.integers(1, 3))


@settings(max_examples=60, deadline=None)
@given(sizes, small, gaps, gaps, st.sampled_from(["same", "valid"]), st.integers(0, 10**6))
def test_each_place_of_the_map_is_the_sum_of_its_products(
    shape: tuple[int, int],
    kernel: tuple[int, int],
    strides: tuple[int, int],
    dilation: tuple[int, int],
    padding: Padding,
    seed: int,
) -> None:
    window = Window(kernel, strides, padding, dilation)
    fits = [
        output_size(*axis, padding, gap) > 0
        for *axis, gap in zip(shape, kernel, strides, dilation, strict=True)
    ]
    assume(all(fits))
    rng = np.random.default_rng(seed)
    image, weights = rng.normal(size=shape), rng.normal(size=kernel)
    made = convolved(image, weights, window).values
    assert made.shape == window.output(shape)
    for (row, column), value in np.ndenumerate(made):
        seen = seen_by_hand(image, window, row, column)
        assert value == pytest.approx(sum(weights[y, x] * one for y, x, one in seen), abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(sizes, small, gaps, st.sampled_from(["max", "average"]), st.integers(0, 10**6))
def test_pooling_keeps_one_value_of_each_region(
    shape: tuple[int, int], size: tuple[int, int], strides: tuple[int, int], pool: Any, seed: int
) -> None:
    assume(all(side >= kernel for side, kernel in zip(shape, size, strict=True)))
    window = Window(size, strides)
    image = np.random.default_rng(seed).normal(size=shape)
    for (row, column), value in np.ndenumerate(pooled(image, window, pool).values):
        region = [one for _, _, one in seen_by_hand(image, window, row, column)]
        assert value == pytest.approx(max(region) if pool == "max" else np.mean(region))


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (2, 1), (3, 2), (5, 4)])
def test_the_bench_tells_the_integers_of_geometry(
    client: TestClient, padding: Padding, stride: int, dilation: int
) -> None:
    asked = {"kernel": SOBEL, "side": 29, "padding": padding, "stride": stride}
    told = client.post(ASK, json=asked | {"dilation": dilation, "pool": "max"}).json()
    conv = told["conv"]
    for axis in (conv["rows"], conv["columns"]):
        outputs = output_size(29, 3, stride, padding, dilation)
        pads = same_padding(29, 3, stride, dilation) if padding == "same" else (0, 0)
        assert (axis["before"], axis["after"]) == pads
        assert (axis["outputs"], axis["span"]) == (outputs, window_span(3, dilation))
        assert told["pool"]["rows"]["outputs"] == output_size(outputs, 2, 2)
    assert len(conv["values"]) == conv["rows"]["outputs"] * conv["columns"]["outputs"]


def test_relu_comes_before_pooling(client: TestClient) -> None:
    asked = {"kernel": [[-1.0]], "sample": "square", "pool": "average"}
    signed = client.post(ASK, json=asked).json()["pool"]["values"]
    cut = client.post(ASK, json=asked | {"relu": True}).json()["pool"]["values"]
    assert min(signed) == -1
    assert set(cut) == {0.0}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kernel": [[1.0, 2.0], [3.0]]}, "as many numbers"),
        ({"kernel": []}, "kernel"),
        ({"kernel": [[1e300]]}, "use numbers from"),
        ({"stride": 0}, "stride"),
        ({"sample": "../../etc/passwd"}, "is no sample"),
        ({"side": 100_000}, "side"),
        ({"pool": "median"}, "pool"),
    ],
)
def test_wrong_settings_are_told(client: TestClient, change: dict[str, Any], words: str) -> None:
    told = client.post(ASK, json={"kernel": SOBEL} | change)
    assert told.status_code == 400
    assert words in told.json()["message"]


def test_a_window_that_does_not_fit_is_told_with_its_arithmetic(client: TestClient) -> None:
    asked = {"kernel": [[1.0] * 9] * 9, "side": 6, "padding": "valid"}
    told = client.post(ASK, json=asked).json()
    assert told == {"problem": "a 9×9 window does not fit a 6×6 map"}


def test_a_kernel_of_no_numbers_is_told(client: TestClient) -> None:
    told = client.post(
        ASK, content='{"kernel": [[NaN]]}', headers={"content-type": "application/json"}
    )
    assert told.status_code == 400


def test_a_picture_of_the_user_is_brought_to_the_side(client: TestClient) -> None:
    given_ = client.post("/api/design/bench/picture", content=png(300, 150)).json()["id"]
    told = client.post(ASK, json={"kernel": SOBEL, "picture": given_, "side": 20}).json()
    assert told["image"]["shape"] == [10, 20]
    assert set(told["image"]["values"]) == {round(90 / 255, 4)}


def test_a_picture_of_one_pixel_is_shown(client: TestClient) -> None:
    given_ = client.post("/api/design/bench/picture", content=png(1, 1)).json()["id"]
    told = client.post(ASK, json={"kernel": SOBEL, "picture": given_, "side": 8})
    assert told.json()["image"]["shape"] == [8, 8]


def test_a_picture_that_states_too_many_pixels_is_refused(client: TestClient) -> None:
    told = client.post("/api/design/bench/picture", content=png(16_000, 5_000))
    assert told.status_code == 400
    assert "pixels are more than" in told.json()["message"]


def test_a_picture_that_was_forgotten_is_told(client: TestClient) -> None:
    told = client.post(ASK, json={"kernel": SOBEL, "picture": "gone"})
    assert told.status_code == 404
    assert "give it again" in told.json()["message"]


def test_kernels_that_a_run_has_learnt_are_summed_over_their_channels(
    client: TestClient, places: Places
) -> None:
    from convwise.image import ImageFormat
    from convwise.model.build import build
    from convwise.model.modelfile import model_bytes
    from convwise.model.trained import TrainedModel

    made = build(plan("conv 4 3 relu | conv 2 5 | flatten | dense classes", "9x9x3", 2), seed=3)
    (places.runs / "a").mkdir()
    model = TrainedModel(made, ImageFormat(9, 9, 3), ("a", "b"))
    (places.runs / "a" / "model.safetensors").write_bytes(model_bytes(model))
    (places.runs / "a" / "run.json").write_text('{"network": {"name": "n"}}')
    [run] = client.get("/api/compare/runs").json()["runs"]
    assert run["has_model"]
    told = client.get(f"/api/design/bench/learned/{run['id']}").json()["kernels"]
    weights = made.state_dict()["conv1.kernel"].sum(dim=1)
    assert np.allclose(told, weights.numpy(), rtol=1e-4, atol=1e-6)
    assert client.post(ASK, json={"kernel": told[0]}).status_code == 200


def test_every_hand_picked_filter_can_be_chosen() -> None:
    assert {each.name for each in BANKS["classic"]} <= kernel_choices().keys()
