"""The networks that convwise knows by name, against what their sources say of them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from convwise.design import Conv2D, Dense, DepthwiseConv2D, Network, Plan, Residual, plan, zoo
from convwise.errors import OptionError

SMALL = [name for name in zoo.names() if zoo.entry(name).image[0] <= 32]
LARGE = [name for name in zoo.names() if name not in SMALL]

# Weights to train: the papers, torchvision's pages (num_params) and Keras Hub's (efficientnet).
PUBLISHED = {
    "lenet": 61_706,
    "lenet-5": 61_706,
    "keras-convnet": 34_826,
    "alexnet": 61_100_840,
    "vgg11": 132_863_336,
    "vgg13": 133_047_848,
    "vgg16": 138_357_544,
    "vgg19": 143_667_240,
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "resnet101": 44_549_160,
    "resnet152": 60_192_808,
    "mobilenetv2": 3_504_872,
    "efficientnet-lite0": 4_652_008,
}

# Thousands of millions of multiply-adds, as torchvision's pages round them (GFLOPS).
MULTIPLY_ADDS = {
    "alexnet": 0.71,
    "vgg11": 7.61,
    "vgg13": 11.31,
    "vgg16": 15.47,
    "vgg19": 19.63,
    "resnet18": 1.81,
    "resnet34": 3.66,
    "resnet50": 4.09,
    "resnet101": 7.80,
    "resnet152": 11.51,
    "mobilenetv2": 0.30,
}

# Layers with weights that a paper's name or table counts, projections left out.
WEIGHTED_LAYERS = {
    "lenet-5": 5,
    "alexnet": 8,
    "vgg11": 11,
    "vgg13": 13,
    "vgg16": 16,
    "vgg19": 19,
    "resnet18": 18,
    "resnet34": 34,
    "resnet50": 50,
    "resnet101": 101,
    "resnet152": 152,
    "resnet20": 20,
    "resnet32": 32,
    "resnet56": 56,
    "model-c": 7,
    "strided-cnn-c": 7,
    "convpool-cnn-c": 9,
    "all-cnn-c": 9,
}


def planned(name: str) -> Plan:
    entry = zoo.entry(name)
    return plan(entry.network, entry.image, entry.classes).require()


@pytest.mark.parametrize("name", zoo.names())
def test_each_network_plans_at_its_own_size_with_the_count_that_it_states(name: str) -> None:
    entry = zoo.entry(name)
    assert entry.name == name
    assert entry.params in (None, planned(name).trainable_params)


@pytest.mark.parametrize(("name", "params"), PUBLISHED.items())
def test_a_published_count_is_the_count(name: str, params: int) -> None:
    assert planned(name).trainable_params == params == zoo.entry(name).params


@pytest.mark.parametrize(("name", "billions"), MULTIPLY_ADDS.items())
def test_the_work_is_the_published_work(name: str, billions: float) -> None:
    assert round(planned(name).total_flops / 2e9, 2) == billions


@pytest.mark.parametrize(("name", "count"), WEIGHTED_LAYERS.items())
def test_a_network_has_the_layers_that_its_paper_counts(name: str, count: int) -> None:
    kinds = (Conv2D, DepthwiseConv2D, Dense)
    assert sum(isinstance(row.layer, kinds) for row in planned(name).rows) == count


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("image", ["28x28x1", "32x32x3", "64x48x3"])
def test_each_network_for_small_images_plans_at_common_sizes(name: str, image: str) -> None:
    plan(name, image, 3).require()


@pytest.mark.parametrize("name", LARGE)
def test_each_network_for_large_images_plans_at_another_size(name: str) -> None:
    plan(name, "192x256x3", 3).require()


@pytest.mark.parametrize("name", zoo.names())
def test_each_network_is_written_as_the_printer_writes_it(name: str) -> None:
    entry = zoo.entry(name)
    assert Network.from_dict(entry.network.to_dict()) == entry.network
    assert entry.network.to_text() + "\n" == entry.text


def test_the_names_start_with_the_one_to_start_with() -> None:
    assert zoo.names()[0] == "fast"
    assert zoo.names() == (*SMALL, *LARGE)


def test_no_text_is_read_before_a_network_is_asked_for() -> None:
    code = (
        "from convwise.design import notation\n"
        "notation.parse = lambda text: 1 / 0\n"
        "from convwise.design import zoo\n"
        "print(len([zoo.entry(name).params for name in zoo.names()]))\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == str(len(zoo.names()))


@pytest.mark.parametrize(("name", "image"), [("lenet", "28x28x1"), ("lenet-5", "32x32x1")])
def test_lenet_has_the_paper_s_layers(name: str, image: str) -> None:
    rows = plan(name, image, 10).rows
    assert [row.params for row in rows if row.params] == [156, 2_416, 48_120, 10_164, 850]
    assert [row.output_shape for row in rows[:4]] == [
        (28, 28, 6),
        (14, 14, 6),
        (10, 10, 16),
        (5, 5, 16),
    ]


@pytest.mark.parametrize(("name", "blocks"), [("resnet20", 3), ("resnet32", 5), ("resnet56", 9)])
def test_small_resnets_have_the_paper_s_stages_and_shortcuts_without_weights(
    name: str, blocks: int
) -> None:
    made = planned(name)
    sums = [row for row in made.rows if isinstance(row.layer, Residual)]
    assert len(sums) == 3 * blocks
    assert all(row.params == 0 for row in sums)
    assert [row.output_shape for row in sums[::blocks]] == [(32, 32, 16), (16, 16, 32), (8, 8, 64)]
    # The paper's table 6, in millions.
    told = {"resnet20": 0.27, "resnet32": 0.46, "resnet56": 0.85}[name]
    assert round(made.trainable_params / 1e6, 2) == told


@pytest.mark.parametrize("name", ["resnet50", "resnet101", "resnet152"])
def test_large_resnets_stride_on_their_3x3_convolutions_and_project_four_times(name: str) -> None:
    rows = planned(name).rows
    strided = [row.layer for row in rows if isinstance(row.layer, Conv2D)]
    strided = [layer for layer in strided if layer.window().strides == (2, 2)]
    assert [layer.window().kernel for layer in strided] == [(7, 7), (3, 3), (3, 3), (3, 3)]
    sums = [row for row in rows if isinstance(row.layer, Residual)]
    assert sum(row.params > 0 for row in sums) == 4
    shapes = dict.fromkeys(row.output_shape for row in sums)
    assert list(shapes) == [(56, 56, 256), (28, 28, 512), (14, 14, 1024), (7, 7, 2048)]


def test_a_projection_is_normalised_as_the_chain_beside_it() -> None:
    row = next(row for row in planned("resnet50").rows if row.name == "add1")
    assert isinstance(row.layer, Residual)
    projection = row.layer.projection(row.input_shape)
    assert projection is not None
    assert (projection[1].momentum, projection[1].epsilon) == (0.9, 1e-5)


# Tables 1 and 2 of Springenberg et al.: (window, channels in, filters) of each convolution.
HEAD = ((3, 192, 192), (1, 192, 192), (1, 192, 10))
TWICE = ((3, 3, 96), (3, 96, 96), (3, 96, 192), (3, 192, 192), *HEAD)
THRICE = (
    (3, 3, 96),
    *[(3, 96, 96)] * 2,
    (3, 96, 192),
    *[(3, 192, 192)] * 2,
    *HEAD,
)


@pytest.mark.parametrize(
    ("name", "convolutions"),
    [
        ("model-c", TWICE),
        ("strided-cnn-c", TWICE),
        ("convpool-cnn-c", THRICE),
        ("all-cnn-c", THRICE),
    ],
)
def test_the_all_convolutional_family_has_the_weights_of_its_tables(
    name: str, convolutions: tuple[tuple[int, int, int], ...]
) -> None:
    counted = [window**2 * inputs * outputs + outputs for window, inputs, outputs in convolutions]
    assert [row.params for row in planned(name).rows if row.params] == counted
    assert planned(name).rows[-2].input_shape == (6, 6, 192)


def test_the_all_convolutional_network_pools_nowhere_and_its_siblings_as_told() -> None:
    pools = {
        name: sum(row.layer.word == "maxpool" for row in planned(name).rows)
        for name in ("model-c", "strided-cnn-c", "convpool-cnn-c", "all-cnn-c")
    }
    assert pools == {"model-c": 2, "strided-cnn-c": 0, "convpool-cnn-c": 2, "all-cnn-c": 0}


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("mobilenetv2", [(112, 16), (56, 24), (28, 32), (14, 64), (14, 96), (7, 160), (7, 320)]),
        (
            "efficientnet-lite0",
            [(112, 16), (56, 24), (28, 40), (14, 80), (14, 112), (7, 192), (7, 320)],
        ),
    ],
)
def test_inverted_residuals_leave_the_stages_of_their_table(
    name: str, shapes: list[tuple[int, int]]
) -> None:
    rows = planned(name).rows
    # Each depthwise convolution, its norm and activation, then the 1×1 convolution that ends it.
    ends = [
        last.output_shape
        for row, last in zip(rows, rows[3:], strict=False)
        if isinstance(row.layer, DepthwiseConv2D)
    ]
    assert list(dict.fromkeys((side, channels) for side, _, channels in ends)) == shapes


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(OptionError, match="did you mean resnet"):
        zoo.network("resnet")
    with pytest.raises(OptionError, match="did you mean mobilenetv2"):
        zoo.network("mobilenet-v2")
