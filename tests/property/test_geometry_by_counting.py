"""Every formula of the geometry against plain counting, on small maps."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from convwise.design import (
    Add,
    Concatenate,
    Conv2D,
    Dense,
    GlobalAveragePooling2D,
    Layer,
    MaxPooling2D,
    Network,
    Residual,
    ZeroPadding2D,
    plan,
)
from convwise.design.border import border_coverage_map
from convwise.design.layer import Window
from convwise.geometry import Padding, ReceptiveField, output_size, same_padding

sizes = st.integers(1, 40)
kernels = st.integers(1, 7)
strides = st.integers(1, 4)
dilations = st.integers(1, 3)
paddings = st.sampled_from(["same", "valid"])


def taps(size: int, kernel: int, stride: int, padding: Padding, dilation: int) -> list[list[int]]:
    """List for each window the places that it takes in; those outside 0…size-1 are zeros."""
    before, after = same_padding(size, kernel, stride, dilation) if padding == "same" else (0, 0)
    windows = []
    start = -before
    while start + (kernel - 1) * dilation < size + after:
        windows.append([start + step * dilation for step in range(kernel)])
        start += stride
    return windows


@given(sizes, kernels, strides, paddings, dilations)
def test_output_size_counts_the_windows(
    size: int, kernel: int, stride: int, padding: Padding, dilation: int
) -> None:
    counted = len(taps(size, kernel, stride, padding, dilation))
    assert output_size(size, kernel, stride, padding, dilation) == counted


@given(sizes, kernels, strides, dilations)
def test_same_padding_is_the_least_that_keeps_the_size_and_is_even_or_one_more_after(
    size: int, kernel: int, stride: int, dilation: int
) -> None:
    before, after = same_padding(size, kernel, stride, dilation)
    assert after - before in (0, 1)
    wanted = -(-size // stride)
    assert len(taps(size, kernel, stride, "same", dilation)) == wanted
    if before + after:
        needed = (wanted - 1) * stride + (kernel - 1) * dilation + 1
        assert size + before + after == needed


@settings(max_examples=50)
@given(
    st.integers(10, 60),
    st.lists(st.tuples(kernels, st.integers(1, 2), paddings, dilations), min_size=1, max_size=4),
)
def test_receptive_field_reaches_from_the_first_to_the_last_pixel_that_is_seen(
    size: int, layers: list[tuple[int, int, Padding, int]]
) -> None:
    field = ReceptiveField()
    seen = [{place} for place in range(size)]
    pixels: dict[int, set[int]] = {}
    for kernel, stride, padding, dilation in layers:
        windows = taps(len(seen), kernel, stride, padding, dilation)
        if not windows:
            return
        before = same_padding(len(seen), kernel, stride, dilation)[0] if padding == "same" else 0
        field = field.through(kernel, stride, before, dilation)
        seen = [
            set().union(*(seen[place] for place in window if 0 <= place < len(seen)))
            for window in windows
        ]
        pixels = dict(enumerate(seen))
    for place, found in pixels.items():
        first = field.start + place * field.stride
        assert all(first <= pixel < first + field.size for pixel in found)
    middle = pixels[len(pixels) // 2]
    first = field.start + len(pixels) // 2 * field.stride
    inside = first >= 0 and first + field.size <= size
    # Zeros that a middle layer added may stand at the field's ends, so only a field that no
    # padding reached has to be tight.
    if inside and all(padding == "valid" for _, _, padding, _ in layers):
        assert (min(middle), max(middle)) == (first, first + field.size - 1)


def sum_windows(counts: NDArray[np.object_], window: Window) -> NDArray[np.object_]:
    rows, columns = (
        taps(size, kernel, stride, window.padding, gap)
        for size, kernel, stride, gap in zip(
            counts.shape, window.kernel, window.strides, window.dilation, strict=True
        )
    )
    height, width = counts.shape
    out = np.zeros((len(rows), len(columns)), dtype=object)
    for (i, row), (j, column) in product(enumerate(rows), enumerate(columns)):
        out[i, j] = sum(
            counts[y, x] for y in row for x in column if 0 <= y < height and 0 <= x < width
        )
    return out


def count_paths(layers: tuple[Layer, ...], counts: NDArray[np.object_]) -> NDArray[np.object_]:
    """Count with Python's own whole numbers, which never overflow."""
    for layer in layers:
        if isinstance(layer, Residual):
            chain = count_paths(layer.layers, counts)
            strides = layer.total_strides()
            short = counts if chain.shape == counts.shape else counts[:: strides[0], :: strides[1]]
            counts = chain + short
        elif isinstance(layer, Add | Concatenate):
            counts = sum(count_paths(chain, counts) for chain in layer.chains)
        elif isinstance(layer, ZeroPadding2D):
            counts = np.pad(counts, layer.border)
        else:
            window = layer.window()
            assert window is not None
            counts = sum_windows(counts, window)
    return counts


convolutions = st.builds(
    Conv2D,
    st.just(2),
    st.tuples(st.integers(1, 4), st.integers(1, 4)),
    padding=paddings,
    strides=st.tuples(st.integers(1, 2), st.integers(1, 2)),
)
dilated = st.builds(
    Conv2D,
    st.just(2),
    st.integers(1, 3),
    padding=paddings,
    dilation_rate=st.tuples(dilations, dilations),
)
pools = st.builds(MaxPooling2D, st.integers(1, 3), padding=paddings)
borders = st.integers(0, 3)
pads = st.builds(ZeroPadding2D, st.tuples(st.tuples(borders, borders), st.tuples(borders, borders)))
same_convolutions = st.builds(
    Conv2D,
    st.just(2),
    st.integers(1, 3),
    padding=st.just("same"),
    strides=st.tuples(st.integers(1, 2), st.integers(1, 2)),
)
residuals = st.recursive(
    same_convolutions,
    lambda inner: st.builds(Residual, st.lists(inner, min_size=1, max_size=2).map(tuple)),
    max_leaves=4,
)

plain = st.builds(Conv2D, st.just(2), st.integers(1, 5), padding=st.just("same"))
meetings = st.recursive(
    plain,
    lambda inner: st.builds(
        lambda kind, chains: kind(chains),
        st.sampled_from([Add, Concatenate]),
        st.lists(st.lists(inner, min_size=1, max_size=2).map(tuple), min_size=2, max_size=3).map(
            tuple
        ),
    ),
    max_leaves=5,
)
# An empty chain hands on the map itself, whose channels Add could not join to others.
skips = st.builds(lambda layer: Concatenate(((), (layer,))), plain)
layers_of_all_kinds = st.one_of(convolutions, dilated, pools, pads, residuals, meetings, skips)


@settings(max_examples=80, deadline=None)
@given(
    st.integers(4, 11),
    st.integers(4, 11),
    st.lists(layers_of_all_kinds, min_size=1, max_size=4),
)
def test_border_coverage_counts_the_paths_of_a_corner_and_of_the_centre(
    height: int, width: int, layers: list[Layer]
) -> None:
    for place, ratio in coverages(tuple(layers), (height, width, 1)):
        done = tuple(layers[: place + 1])
        corner = np.zeros((height, width), dtype=object)
        centre = corner.copy()
        corner[0, 0] = 1
        centre[height // 2, width // 2] = 1
        corner_paths = int(count_paths(done, corner).sum())
        centre_paths = int(count_paths(done, centre).sum())
        expected = corner_paths / centre_paths if centre_paths else None
        assert ratio == (None if expected is None else pytest.approx(expected, rel=1e-9))


def coverages(
    layers: tuple[Layer, ...], image: tuple[int, int, int]
) -> list[tuple[int, float | None]]:
    """Return the place and the coverage of each layer that can be."""
    found = []
    for place, row in enumerate(plan(Network(layers), image, 10).tree[: len(layers)]):
        if row.layer != layers[place]:
            break
        found.append((place, row.border_coverage))
    return found


@settings(max_examples=60, deadline=None)
@given(st.integers(3, 7), st.integers(3, 7), st.lists(layers_of_all_kinds, min_size=1, max_size=4))
def test_the_border_coverage_map_counts_the_paths_of_each_pixel(
    height: int, width: int, layers: list[Layer]
) -> None:
    ended = Network((*layers, GlobalAveragePooling2D(), Dense("classes")))
    made = plan(ended, (height, width, 1), 10)
    if made.problem:
        return
    paths = np.zeros((height, width), dtype=object)
    for pixel in product(range(height), range(width)):
        alone = np.zeros((height, width), dtype=object)
        alone[pixel] = 1
        paths[pixel] = count_paths(tuple(layers), alone).sum()
    found = border_coverage_map(made)
    largest = paths.max()
    expected = (paths / largest if largest else paths).astype(float)
    # Counts below 2**53 are whole in a float, so nothing is lost.
    np.testing.assert_array_equal(found, expected)
    ratio = made.extractor[-1].border_coverage
    centre = found[height // 2, width // 2]
    if centre:
        assert ratio == pytest.approx(found[0, 0] / centre, rel=1e-12)
    else:
        assert ratio is None
