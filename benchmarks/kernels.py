"""Each kernel against torch, and against the bandwidth of a copy.

    python benchmarks/kernels.py

A kernel that moves as few bytes as its work needs, at the speed of a copy, cannot be made faster.
So each is given tensors of 20 MB in float32 (10 MB in bf16) and its time compared with torch's, and
with that of a copy of as many bytes. Then again on the small maps that the last layers of a network
have, where launching a kernel costs more than running it. The first convolution with its pooling
has pictures of Fashion-MNIST's size; it moves little, and there arithmetic limits it. Forward and
backward are timed apart; kernel, torch and copy take turns in every round. The matrix-product peak
stands beside them for scale.
"""

from __future__ import annotations

import argparse
import datetime
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measuring import spread, write_json
from torch import Tensor

from convwise.data.batches import level_table, to_input
from convwise.image import ImageFormat
from convwise.kernels.batch_norm import batch_norm, torch_batch_norm
from convwise.kernels.dropout import dropout, torch_dropout
from convwise.kernels.max_pool import max_pool, torch_max_pool
from convwise.kernels.pictures import placed_pictures
from convwise.kernels.pooled_convolution import pooled_convolution, torch_pooled_convolution
from convwise.kernels.residual_sum import residual_sum, torch_residual_sum
from convwise.model.allocator import keep_freed_memory
from convwise.model.random_batch import random_batch
from convwise.training.machine import machine_facts, package_versions

HERE = Path(__file__).resolve().parent
# 128 images of 36×36 with 32 channels are 21.2 MB in float32.
SHAPE = (128, 32, 36, 36)
SMALL = (128, 128, 7, 7)
FIRST, FILTERS = (128, 1, 28, 28), 32
PICTURES = ImageFormat(128, 128, 3, mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.25))
ROUNDS, WARM_UP = 15, 3
TYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}

Facts = dict[str, Any]
Shape = tuple[int, int, int, int]
Work = Callable[[], object]


def layer_cases(number: torch.dtype, shape: Shape) -> dict[str, tuple[Work, Work, int]]:
    """Return name → (kernel, torch, bytes moved) of each layer's forward and backward pass."""
    x = _channels_last(torch.randn(shape).to(number))
    shortcut = _channels_last(torch.randn(shape).to(number)).requires_grad_()
    gamma, beta = torch.rand(shape[1]) + 0.5, torch.randn(shape[1])
    keys = np.arange(shape[0], dtype=np.uint64)
    size, values = x.element_size(), x.numel()
    pooled = shape[0] * shape[1] * (shape[2] // 2) * (shape[3] // 2)
    # Read and written values of the pass, and the bytes that stand beside them.
    layers: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor], int, int]] = {
        "max-pooling 2×2 with ReLU": (
            lambda x: max_pool(x, (2, 2), (2, 2), relu=True),
            lambda x: torch_max_pool(x, (2, 2), (2, 2), relu=True),
            size * (values + pooled) + pooled,
            size * (pooled + values) + pooled,
        ),
        "batch normalisation with ReLU": (
            lambda x: batch_norm(x, gamma, beta, 1e-3, True)[0],
            lambda x: torch_batch_norm(x, gamma, beta, 1e-3, True),
            size * 3 * values,
            size * 5 * values,
        ),
        "residual sum with ReLU": (
            lambda x: residual_sum(x, shortcut),
            lambda x: torch_residual_sum(x, shortcut),
            size * 3 * values,
            size * 3 * values,
        ),
        "dropout": (
            lambda x: dropout(x, keys, 0.25),
            lambda x: torch_dropout(x, 0.25),
            size * 2 * values,
            size * 2 * values,
        ),
    }
    cases: dict[str, tuple[Work, Work, int]] = {}
    for name, (ours, theirs, forward, backward) in layers.items():
        cases[f"{name}, forward"] = (_forward(ours, x), _forward(theirs, x), forward)
        cases[f"{name}, backward"] = (_backward(ours, x), _backward(theirs, x), backward)
    return cases


def first_layers_case(number: torch.dtype) -> dict[str, tuple[Work, Work, int]]:
    """Return the first convolution over grey pictures, with pooling and ReLU."""
    # As a real batch lies in memory; of one channel torch would else choose the slower layout.
    x = random_batch(FIRST, seed=0)
    kernel = torch.randn(FILTERS, 1, 3, 3, requires_grad=True)
    bias = torch.randn(FILTERS, requires_grad=True)
    size = torch.empty(0, dtype=number).element_size()
    pooled = FIRST[0] * FILTERS * (FIRST[2] // 2 - 1) * (FIRST[3] // 2 - 1)
    moved = 4 * x.numel() + (size + 1) * pooled
    name = "first convolution 3×3 of 28×28×1 with pooling and ReLU"
    ways: list[list[Work]] = [[], []]
    for layer in (pooled_convolution, torch_pooled_convolution):
        ways[0].append(lambda layer=layer: layer(x, kernel, bias, True, number))
        y = layer(x, kernel, bias, True, number)
        slope = torch.randn_like(y)
        ways[1].append(
            lambda y=y, slope=slope: torch.autograd.grad(
                y, [kernel, bias], slope, retain_graph=True
            )
        )
    forward, backward = ways
    return {
        f"{name}, forward": (forward[0], forward[1], moved),
        f"{name}, backward": (backward[0], backward[1], moved),
    }


def picture_case() -> dict[str, tuple[Work, Work, int]]:
    """Return the making of a training batch."""
    images = np.random.default_rng(0).integers(0, 256, (2_000, *PICTURES.shape), dtype=np.uint8)
    rows = np.random.default_rng(1).permutation(len(images))[:128]
    none = np.zeros(128, np.int64)
    table = level_table(PICTURES)
    still = (none, none, none.astype(np.bool_))
    moved = 128 * int(np.prod(PICTURES.shape)) * 5
    return {
        "training batch": (
            lambda: placed_pictures(images, rows, still, table, 0),
            lambda: to_input(images[rows], PICTURES),
            moved,
        )
    }


def _channels_last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)


def _forward(layer: Callable[[Tensor], Tensor], x: Tensor) -> Work:
    # With a gradient to come, so that what it needs is kept, as in training.
    source = x.detach().clone().requires_grad_()
    return lambda: layer(source)


def _backward(layer: Callable[[Tensor], Tensor], x: Tensor) -> Work:
    source = x.detach().clone().requires_grad_()
    y = layer(source)
    slope = torch.randn_like(y)
    return lambda: torch.autograd.grad(y, source, slope, retain_graph=True)


def measured(ours: Work, theirs: Work, moved: int) -> Facts:
    """Time kernel, torch and a copy of as many bytes in turns; return milliseconds and shares."""
    source = torch.zeros(moved // 8)
    target = torch.empty_like(source)
    ways: dict[str, Work] = {"kernel": ours, "torch": theirs, "copy": lambda: target.copy_(source)}
    times: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(WARM_UP + ROUNDS):
        for name, work in ways.items():
            start = time.perf_counter()
            work()
            if number >= WARM_UP:
                times[name].append(1e3 * (time.perf_counter() - start))
    milliseconds = {name: spread(values) for name, values in times.items()}
    return {
        "milliseconds": milliseconds,
        "megabytes": moved / 1e6,
        "times_torch": milliseconds["torch"]["median"] / milliseconds["kernel"]["median"],
        "share_of_copy": milliseconds["copy"]["median"] / milliseconds["kernel"]["median"],
    }


def limits() -> Facts:
    """Return what this machine can do: matrix products and copies."""
    found: Facts = {}
    for name, number in TYPES.items():
        a, b = (torch.randn(1024, 1024).to(number) for _ in range(2))
        seconds = _quickest(lambda a=a, b=b: a @ b)  # type: ignore[misc]
        found[f"gflops_{name}"] = 2 * 1024**3 / seconds / 1e9
    source = torch.zeros(50_000_000)
    target = torch.empty_like(source)
    found["copy_gb_per_s"] = 2 * 4 * source.numel() / _quickest(lambda: target.copy_(source)) / 1e9
    return found


def _quickest(work: Work) -> float:
    times = []
    for _ in range(WARM_UP + ROUNDS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def table(results: dict[str, dict[str, Facts]]) -> str:
    """Return the results as Markdown."""
    lines = [
        "| kernel | numbers | ms | torch, ms | times | share of copy |",
        "|:--|:--|--:|--:|--:|--:|",
    ]
    for number, cases in results.items():
        for name, facts in cases.items():
            ours, theirs = (facts["milliseconds"][way] for way in ("kernel", "torch"))
            lines.append(
                f"| {name} | {number} | {_range(ours)} | {_range(theirs)} |"
                f" {facts['times_torch']:.1f} | {100 * facts['share_of_copy']:.0f} % |"
            )
    return "\n".join(lines)


def _range(found: dict[str, float]) -> str:
    return f"{found['median']:.2f} ({found['min']:.2f}–{found['max']:.2f})"


def main() -> int:
    """Measure everything once, write JSON and print a table."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--json", type=Path, default=HERE / "results" / "kernels.json")
    chosen = options.parse_args()
    keep_freed_memory()
    results: dict[str, dict[str, Facts]] = {}
    for number, kind in TYPES.items():
        for shape in (SHAPE, SMALL):
            cases = layer_cases(kind, shape)
            if kind == torch.float32 and shape == SHAPE:
                cases |= picture_case()
            key = f"{number} {'×'.join(map(str, shape))}"
            if shape == SHAPE:
                cases |= first_layers_case(kind)
            results[key] = {name: measured(*case) for name, case in cases.items()}
    facts = {
        "benchmark": "kernels",
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": machine_facts(),
        "versions": package_versions(),
        "threads": torch.get_num_threads(),
        "rounds": ROUNDS,
        "limits": limits(),
        "results": results,
    }
    write_json(chosen.json, facts)
    found = facts["limits"]
    print(table(results))
    print(
        f"\nMatrix products: {found['gflops_float32']:.0f} GFLOP/s in float32,"
        f" {found['gflops_bfloat16']:.0f} in bfloat16; copy {found['copy_gb_per_s']:.1f} GB/s"
        f" ({facts['threads']} threads, medians of {ROUNDS} rounds, smallest–largest)."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
