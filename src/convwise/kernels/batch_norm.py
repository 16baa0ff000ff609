"""Batch normalisation in training, and ReLU with it.

Forward, one kernel finds each channel's moments piece by piece (``moments``); a second one puts
them together and writes ``relu((x - mean) · scale + beta)``. Backward, one kernel sums the gradient
and the gradient times ``x - mean``, a second one writes the input's gradient. Whether ReLU let a
value through is computed again from ``x``, so that only ``x`` is kept. Two launches a pass, and no
arithmetic between them: on small maps it would take longer than the kernels.

Bytes moved in float32 per value: forward 8 read and 4 written, backward 16 read and 4 written.

Torch's equivalent: ``relu(batch_norm(x, …, training=True))``.
Source: Ioffe and Szegedy 2015, algorithm 1 and section 3.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from numba import types
from torch import Tensor
from torch.autograd.function import once_differentiable

from convwise.kernels.moments import moments, together
from convwise.kernels.number import as_float, as_stored
from convwise.kernels.parallel import Kernel, array, flat, share, thread_number, whole_number
from convwise.kernels.wide_rows import (
    clear,
    computed_in,
    ends,
    float64_rows,
    narrow,
    pieces_of,
    wide_rows,
    widen,
)


@Kernel
def _normalised(number: Any) -> Any:
    computed = computed_in(number)

    def run(task: Any) -> None:
        x, y = flat(task, 0, number), flat(task, 1, number)
        found, weights = array(task, 2, computed)[0], array(task, 3, computed)[0, 0]
        known, epsilon = array(task, 4, computed)[0, 0], flat(task, 5, types.float64)[0]
        sums = array(task, 6, types.float64)[0, thread_number()]
        mine = array(task, 7, computed)[0, thread_number()]
        mean, scale, beta = mine[0], mine[1], mine[2]
        relu = whole_number(task, 8) != 0
        width, channels = len(mean), known.shape[1]
        together(found, len(x), width, sums)
        for c in range(channels):
            inverse = 1.0 / math.sqrt(sums[1, c] + epsilon)
            mean[c], scale[c], beta[c] = sums[0, c], inverse * weights[0, c], weights[1, c]
            if thread_number() == 0:
                known[0, c], known[1, c], known[2, c] = mean[c], scale[c], beta[c]
                known[3, c], known[4, c] = inverse, sums[1, c]
        widen(mine, channels)
        first, last = share((len(x) + width - 1) // width)
        for start in range(first * width, last * width, width):
            end = min(start + width, len(x))
            values, out = x[start:end], y[start:end]
            for c in range(len(values)):
                value = (as_float(values[c]) - mean[c]) * scale[c] + beta[c]
                value = computed(0) if (value <= 0) & relu else value
                out[c] = as_stored(value, values[c])

    return run


@Kernel
def _gradient_sums(number: Any) -> Any:
    computed = computed_in(number)

    def run(task: Any) -> None:
        x, g = flat(task, 0, number), flat(task, 1, number)
        found, known = array(task, 2, computed)[0], array(task, 3, computed)[0, 0]
        mine = array(task, 4, computed)[0, thread_number()]
        mean, scale, beta, total, product = mine[0], mine[1], mine[2], mine[3], mine[4]
        relu = whole_number(task, 5) != 0
        width, channels = len(mean), known.shape[1]
        for row in range(3):
            for c in range(channels):
                mine[row, c] = known[row, c]
        widen(mine[:3], channels)
        first, last = share(len(found))
        for piece in range(first, last):
            begin, end = ends(piece, len(found), len(x), width)
            clear(mine[3:])
            for start in range(begin, end, width):
                stop = min(start + width, end)
                values, gradients = x[start:stop], g[start:stop]
                for c in range(len(values)):
                    away = as_float(values[c]) - mean[c]
                    gradient = as_float(gradients[c])
                    dead = (away * scale[c] + beta[c] <= 0) & relu
                    gradient = computed(0) if dead else gradient
                    total[c] += gradient
                    product[c] += gradient * away
            narrow(mine[3:], found[piece])

    return run


@Kernel
def _input_gradient(number: Any) -> Any:
    computed = computed_in(number)

    def run(task: Any) -> None:
        x, g = flat(task, 0, number), flat(task, 1, number)
        dx, found = flat(task, 2, number), array(task, 3, computed)[0]
        known, slopes = array(task, 4, computed)[0, 0], array(task, 5, computed)[0, 0]
        sums = array(task, 6, types.float64)[0, thread_number()]
        mine = array(task, 7, computed)[0, thread_number()]
        total, product = sums[0], sums[1]
        mean, scale, beta, slope, constant = mine[0], mine[1], mine[2], mine[3], mine[4]
        relu = whole_number(task, 8) != 0
        width, channels = len(mean), known.shape[1]
        clear(sums)
        for piece in range(len(found)):
            for c in range(channels):
                total[c] += found[piece, 0, c]
                product[c] += found[piece, 1, c]
        rows = len(x) // channels
        for c in range(channels):
            mean[c], scale[c], beta[c] = known[0, c], known[1, c], known[2, c]
            factor = float(known[1, c]) / rows
            slope[c] = -factor * known[3, c] * known[3, c] * product[c]
            constant[c] = -factor * total[c]
            if thread_number() == 0:
                slopes[0, c], slopes[1, c] = product[c] * known[3, c], total[c]
        widen(mine, channels)
        first, last = share((len(x) + width - 1) // width)
        for start in range(first * width, last * width, width):
            end = min(start + width, len(x))
            values, gradients, out = x[start:end], g[start:end], dx[start:end]
            for c in range(len(values)):
                away = as_float(values[c]) - mean[c]
                gradient = as_float(gradients[c])
                dead = (away * scale[c] + beta[c] <= 0) & relu
                gradient = computed(0) if dead else gradient
                value = gradient * scale[c] + away * slope[c] + constant[c]
                out[c] = as_stored(value, values[c])

    return run


class _BatchNorm(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, gamma: Tensor, beta: Tensor, epsilon: float, relu: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        last = x.permute(0, 2, 3, 1).contiguous()
        flat, channels = last.view(-1), x.shape[1]
        found, known = pieces_of(3, flat, gamma), gamma.new_empty(5, channels)
        moments(flat, found, wide_rows(3, gamma))
        y = torch.empty_like(last)
        _normalised(
            flat,
            y.view(-1),
            found,
            torch.stack((gamma, beta)),
            known,
            torch.tensor([epsilon], dtype=torch.float64),
            float64_rows(channels),
            wide_rows(3, gamma),
            int(relu),
        )
        ctx.save_for_backward(last, known)
        ctx.relu = relu
        mean, variance = known[0].clone(), known[4]
        ctx.mark_non_differentiable(mean, variance)
        return y.permute(0, 3, 1, 2), mean, variance

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor, *_: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        last, known = ctx.saved_tensors
        flat, gradient = last.view(-1), g.permute(0, 2, 3, 1).contiguous().view(-1)
        found, slopes = pieces_of(2, flat, known[0]), torch.empty_like(known[:2])
        _gradient_sums(flat, gradient, found, known, wide_rows(5, known[0]), int(ctx.relu))
        dx = torch.empty_like(last)
        _input_gradient(
            flat,
            gradient,
            dx.view(-1),
            found,
            known,
            slopes,
            float64_rows(len(known[0])),
            wide_rows(5, known[0]),
            int(ctx.relu),
        )
        return dx.permute(0, 3, 1, 2), slopes[0], slopes[1], None, None


def batch_norm(
    x: Tensor, gamma: Tensor, beta: Tensor, epsilon: float, relu: bool = False
) -> tuple[Tensor, Tensor, Tensor]:
    """Normalise each channel by the batch's own mean and variance.

    Args:
        x: (batch, channels, height, width) in channels_last memory; float32, float64, bfloat16.
        gamma: (channels,), in float32, or in float64 if ``x`` is.
        beta: (channels,), likewise.
        epsilon: added to the variance.
        relu: whether ReLU follows.

    Returns:
        The result, of the shape and type of ``x``; the mean and the biased variance, (channels,).

    Raises:
        ValueError: there are no values, and so no mean.

    Example:
        >>> x = torch.tensor([1.0, 3.0]).view(2, 1, 1, 1)
        >>> y, mean, variance = batch_norm(x, torch.ones(1), torch.zeros(1), 0.0)
        >>> y.flatten().tolist(), mean.item(), variance.item()
        ([-1.0, 1.0], 2.0, 1.0)
    """
    if not x.numel():
        raise ValueError(f"an input of shape {tuple(x.shape)} has no values, and so no mean")
    found: tuple[Tensor, Tensor, Tensor] = _BatchNorm.apply(x, gamma, beta, epsilon, relu)  # type: ignore[no-untyped-call]
    return found


def torch_batch_norm(
    x: Tensor, gamma: Tensor, beta: Tensor, epsilon: float, relu: bool = False
) -> Tensor:
    """Return the result of :func:`batch_norm` by torch's own operations."""
    y = F.batch_norm(x, None, None, gamma, beta, True, 0.0, epsilon)
    return F.relu(y) if relu else y
