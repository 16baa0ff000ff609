from __future__ import annotations

import copy
import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convwise.design import zoo
from convwise.design.plan import plan
from convwise.errors import DesignError
from convwise.model.build import ConvNet, build
from convwise.model.modules import ActivatedSum, Apply, Convolution, MaxPool
from convwise.model.weights import declared_weights


@pytest.fixture(
    scope="module", params=[name for name in zoo.names() if zoo.entry(name).image[0] <= 32]
)
def zoo_network(request: pytest.FixtureRequest) -> ConvNet:
    return build(plan(request.param, zoo.entry(request.param).image, 10))


def test_a_zoo_network_has_exactly_the_parameters_of_its_plan(zoo_network: ConvNet) -> None:
    weights = zoo_network.state_dict().values()
    trained = sum(weight.numel() for weight in zoo_network.parameters())
    assert sum(weight.numel() for weight in weights) == zoo_network.plan.total_params
    assert trained == zoo_network.plan.trainable_params


def test_the_state_has_the_names_and_shapes_that_the_plan_declares(zoo_network: ConvNet) -> None:
    state = {name: tuple(value.shape) for name, value in zoo_network.state_dict().items()}
    assert state == declared_weights(zoo_network.plan)
    assert all(value.dtype == torch.float32 for value in zoo_network.state_dict().values())


def test_a_zoo_network_gives_a_logit_per_class(zoo_network: ConvNet) -> None:
    height, width, channels = zoo_network.plan.image
    with torch.inference_mode():
        logits = zoo_network.eval()(torch.randn(3, channels, height, width))
    assert logits.shape == (3, 10)
    assert torch.isfinite(logits).all()


def test_each_module_leaves_the_shape_that_its_row_says(zoo_network: ConvNet) -> None:
    shapes: dict[str, tuple[int, ...]] = {}

    def note(name: str) -> object:
        def hook(module: nn.Module, inputs: object, output: Tensor) -> None:
            is_map = output.ndim == 4
            shapes[name] = tuple((output.permute(0, 2, 3, 1) if is_map else output).shape[1:])

        return hook

    hooks = [
        zoo_network.get_submodule(row.name).register_forward_hook(note(row.name))  # type: ignore[arg-type]
        for row in zoo_network.plan.rows
    ]
    height, width, channels = zoo_network.plan.image
    with torch.inference_mode():
        zoo_network.eval()(torch.zeros(1, channels, height, width))
    for hook in hooks:
        hook.remove()
    assert shapes == {row.name: row.output_shape for row in zoo_network.plan.rows}


def test_the_same_seed_gives_the_same_weights() -> None:
    first, again, other = (build(plan("fast", "12x12x1", 3), seed=seed) for seed in (5, 5, 6))
    for name, weight in first.state_dict().items():
        assert torch.equal(weight, again.state_dict()[name])
    assert not torch.equal(first.conv1.kernel, other.conv1.kernel)
    assert not torch.equal(first.dense1.kernel, other.dense1.kernel)


def test_the_first_weights_do_not_depend_on_torchs_own_generator() -> None:
    torch.manual_seed(1)
    first = build(plan("lenet", "28x28x1", 10), seed=0)
    torch.manual_seed(2)
    again = build(plan("lenet", "28x28x1", 10), seed=0)
    assert torch.equal(first.conv2.kernel, again.conv2.kernel)


def test_a_layer_that_two_networks_share_starts_equal_in_both() -> None:
    short = build(plan("conv 8 3 relu | flatten | dense classes", "12x12x1", 3), seed=4)
    text = "conv 8 3 relu | maxpool 2 | conv 16 3 norm relu | flatten | dense classes"
    long = build(plan(text, "12x12x1", 3), seed=4)
    assert torch.equal(short.conv1.kernel, long.conv1.kernel)


def test_layers_of_one_network_start_different() -> None:
    text = "conv 8 3 same | conv 8 3 same | conv 8 3 same | global_avgpool | dense classes"
    network = build(plan(text, "8x8x3", 2))
    assert not torch.equal(network.conv2.kernel, network.conv3.kernel)


def test_kernels_start_glorot_uniform_and_all_else_at_its_neutral_value() -> None:
    network = build(plan("resnet20", "32x32x3", 10))
    for name, weight in network.state_dict().items():
        if name.endswith("kernel"):
            area = math.prod(weight.shape[2:])
            limit = math.sqrt(6 / ((weight.shape[0] + weight.shape[1]) * area))
            assert weight.abs().max() <= limit
            if weight.numel() > 1_000:
                assert weight.abs().max() > 0.98 * limit
                assert float(weight.std()) == pytest.approx(limit / math.sqrt(3), rel=0.1)
        else:
            neutral = 1.0 if name.endswith(("gamma", "moving_variance")) else 0.0
            assert (weight == neutral).all(), name


def plain_order(network: ConvNet) -> ConvNet:
    """Return a copy in which every pooling that was moved before its ReLU is put behind it."""
    plain = copy.deepcopy(network)
    before: nn.Module | None = None
    for row in plain.plan.rows:
        module = plain.get_submodule(row.name)
        if isinstance(module, MaxPool) and module.activation is not None:
            assert isinstance(before, Convolution | Apply)
            before.activation, module.activation = F.relu, None
        before = module
    return plain


@pytest.mark.parametrize(
    "text",
    [
        "conv 4 3 same relu | maxpool 2 | flatten | dense classes",
        "conv 4 3 relu | maxpool 3 2 same | flatten | dense classes",
        "conv 4 3 same | norm | relu | maxpool 2 | conv 4 3 same relu | maxpool 2 same"
        " | flatten | dense classes",
    ],
)
def test_pooling_before_relu_changes_no_bit_of_values_and_gradients(text: str) -> None:
    fused = build(plan(text, "11x11x3", 3), seed=1)
    plain = plain_order(fused)
    pools = [module for module in fused.modules() if isinstance(module, MaxPool)]
    assert pools
    assert all(pool.activation is F.relu for pool in pools)
    assert all(pool.activation is None for pool in plain.modules() if isinstance(pool, MaxPool))
    # Few distinct values, many of them negative: ties, zeros and windows without a positive one.
    images = torch.randint(-3, 3, (6, 3, 11, 11), generator=torch.manual_seed(0)).float()
    results = []
    for network in (fused.train(), plain.train()):
        inputs = images.clone().requires_grad_()
        logits = network(inputs)
        F.cross_entropy(logits, torch.arange(6) % 3).backward()  # type: ignore[no-untyped-call]
        assert inputs.grad is not None
        gradients = [weight.grad for weight in network.parameters() if weight.grad is not None]
        results.append([logits.detach(), inputs.grad, *gradients])
    assert len(results[0]) == len(results[1]) > 3
    for ours, theirs in zip(*results, strict=True):
        assert torch.equal(ours, theirs)


def test_other_activations_keep_their_place() -> None:
    network = build(plan("conv 4 3 same tanh | maxpool 2 | flatten | dense classes", "8x8x1", 2))
    assert network.conv1.activation is not None
    assert network.pool1.activation is None


@pytest.mark.parametrize(
    "end", ["dense classes softmax", "dense classes | softmax"], ids=["argument", "layer"]
)
def test_a_softmax_at_the_end_is_left_out(end: str) -> None:
    images = torch.randn(4, 1, 6, 6)
    plain = build(plan("flatten | dense classes", "6x6x1", 3), seed=2)
    closed = build(plan(f"flatten | {end}", "6x6x1", 3), seed=2)
    assert torch.equal(plain(images), closed(images))


def test_a_softmax_in_the_middle_stays() -> None:
    network = build(plan("flatten | dense 8 softmax | dense classes", "6x6x1", 3))
    seen: list[Tensor] = []
    network.dense1.register_forward_hook(lambda module, inputs, output: seen.append(output))
    network(torch.randn(4, 1, 6, 6))
    assert torch.allclose(seen[0].sum(dim=1), torch.ones(4))


def test_a_broken_plan_is_not_built() -> None:
    with pytest.raises(DesignError, match="pool"):
        build(plan("maxpool 2 | maxpool 2 | maxpool 2 | flatten | dense classes", "4x4x1", 2))


def test_building_for_a_huge_image_takes_no_memory_for_its_maps() -> None:
    network = ConvNet(
        plan("avgpool 3 1 same | global_avgpool | dense classes", (16384, 16384, 1), 2)
    )
    assert sum(buffer.numel() for buffer in network.buffers()) < 100_000


def residual_network(*, fuse: bool) -> ConvNet:
    text = """
conv 4 3 same
residual
  conv 4 3 same norm
relu
flatten
dense classes
"""
    return build(plan(text, "8x8x1", 2), seed=1, fuse=fuse)


def test_a_residual_sum_applies_the_relu_that_follows_and_keeps_the_names() -> None:
    fused, plain = (residual_network(fuse=fuse) for fuse in (True, False))
    sums = [
        [module.activation for module in network.modules() if isinstance(module, ActivatedSum)]
        for network in (fused, plain)
    ]
    assert sums == [[F.relu], [None]]
    assert list(fused.state_dict()) == list(plain.state_dict())
    images = torch.randn(3, 1, 8, 8)
    assert torch.equal(fused(images), plain(images))
