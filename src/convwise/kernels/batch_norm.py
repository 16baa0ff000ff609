"""Batch normalisation in training, and ReLU with it.

Forward, one pass sums the values and their squares per channel, a second one writes
``y = relu((x - mean) · scale + beta)``. Backward, one pass sums the gradient and the gradient
times ``x - mean``, a second one writes the input's gradient. Whether ReLU let a value through is
computed again from ``x``, so that only ``x`` is kept.

The sums are taken of ``x - x₀``, where ``x₀`` is the first row: squares of a channel that lies far
from zero would cancel. They are taken in 64 pieces whatever the number of threads, and the pieces
are added in float64: the same numbers give the same bits.

Bytes moved in float32 per value: forward 8 read and 4 written, backward 16 read and 4 written.

Torch's equivalent: ``relu(batch_norm(x, …, training=True))``.
Source: Ioffe and Szegedy 2015, algorithm 1 and section 3.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numba import types
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable

from convwise.kernels.number import as_float, as_stored
from convwise.kernels.parallel import Kernel, array, share

PIECES = 64


def _computed(number: Any) -> Any:
    return types.float64 if number == types.float64 else types.float32


@Kernel
def _sums(number: Any) -> Any:
    computed = _computed(number)

    def run(task: Any) -> None:
        x, sums = array(task, 0, number), array(task, 1, computed)
        rows, channels = x.shape[2], x.shape[3]
        start = x[0, 0, 0]
        first, last = share(PIECES)
        for piece in range(first, last):
            total, squares = sums[0, piece, 0], sums[0, piece, 1]
            total[:] = 0
            squares[:] = 0
            for row in range(piece * rows // PIECES, (piece + 1) * rows // PIECES):
                values = x[0, 0, row]
                for c in range(channels):
                    value = as_float(values[c]) - as_float(start[c])
                    total[c] += value
                    squares[c] += value * value

    return run


@Kernel
def _normalised(number: Any, relu: bool) -> Any:
    computed = _computed(number)

    def run(task: Any) -> None:
        x, y, channel = array(task, 0, number), array(task, 1, number), array(task, 2, computed)
        mean, scale, beta = channel[0, 0, 0], channel[0, 0, 1], channel[0, 0, 2]
        channels = x.shape[3]
        first, last = share(x.shape[2])
        for row in range(first, last):
            values, out = x[0, 0, row], y[0, 0, row]
            for c in range(channels):
                value = (as_float(values[c]) - mean[c]) * scale[c] + beta[c]
                if relu:
                    value = computed(0) if value <= 0 else value
                out[c] = as_stored(value, values[c])

    return run


@Kernel
def _gradient_sums(number: Any, relu: bool) -> Any:
    computed = _computed(number)

    def run(task: Any) -> None:
        x, g, sums = array(task, 0, number), array(task, 1, number), array(task, 2, computed)
        channel = array(task, 3, computed)
        mean, scale, beta = channel[0, 0, 0], channel[0, 0, 1], channel[0, 0, 2]
        rows, channels = x.shape[2], x.shape[3]
        first, last = share(PIECES)
        for piece in range(first, last):
            total, product = sums[0, piece, 0], sums[0, piece, 1]
            total[:] = 0
            product[:] = 0
            for row in range(piece * rows // PIECES, (piece + 1) * rows // PIECES):
                values, gradients = x[0, 0, row], g[0, 0, row]
                for c in range(channels):
                    away = as_float(values[c]) - mean[c]
                    gradient = as_float(gradients[c])
                    if relu:
                        gradient = computed(0) if away * scale[c] + beta[c] <= 0 else gradient
                    total[c] += gradient
                    product[c] += gradient * away

    return run


@Kernel
def _input_gradient(number: Any, relu: bool) -> Any:
    computed = _computed(number)

    def run(task: Any) -> None:
        x, g, dx = array(task, 0, number), array(task, 1, number), array(task, 2, number)
        channel = array(task, 3, computed)
        mean, scale, beta = channel[0, 0, 0], channel[0, 0, 1], channel[0, 0, 2]
        slope, constant = channel[0, 0, 3], channel[0, 0, 4]
        channels = x.shape[3]
        first, last = share(x.shape[2])
        for row in range(first, last):
            values, gradients, out = x[0, 0, row], g[0, 0, row], dx[0, 0, row]
            for c in range(channels):
                away = as_float(values[c]) - mean[c]
                gradient = as_float(gradients[c])
                if relu:
                    gradient = computed(0) if away * scale[c] + beta[c] <= 0 else gradient
                value = gradient * scale[c] + away * slope[c] + constant[c]
                out[c] = as_stored(value, values[c])

    return run


def _total(sums: Tensor) -> NDArray[np.float64]:
    """Add the pieces: (pieces, 2, channels) → (2, channels)."""
    # NumPy here and below: on some dozens of numbers an operation of torch's takes longer to
    # begin than to end.
    total: NDArray[np.float64] = sums.numpy().sum(axis=0, dtype=np.float64)
    return total


def _channels(rows: list[NDArray[np.float64]], like: Tensor) -> Tensor:
    return torch.from_numpy(np.stack(rows)).to(like.dtype)


class _BatchNorm(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, gamma: Tensor, beta: Tensor, epsilon: float, relu: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        count, channels = x.shape
        sums = torch.empty((PIECES, 2, channels), dtype=gamma.dtype)
        _sums(x, sums)
        away, squares = _total(sums) / count
        with np.errstate(invalid="ignore"):  # An infinity gives NaN here, as it does in torch.
            variance = np.maximum(squares - away * away, 0.0)
        mean = x[0].double().numpy() + away
        inverse = 1.0 / np.sqrt(variance + epsilon)
        per_channel = _channels([mean, inverse * gamma.numpy(), beta.numpy(), variance], gamma)
        y = torch.empty_like(x)
        _normalised(x, y, per_channel, relu=relu)
        ctx.save_for_backward(x, per_channel)
        ctx.inverse, ctx.relu = inverse, relu
        mean_found, variance_found = per_channel[0].clone(), per_channel[3].clone()
        ctx.mark_non_differentiable(mean_found, variance_found)
        return y, mean_found, variance_found

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor, *_: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        x, per_channel = ctx.saved_tensors
        g = g.contiguous()
        sums = torch.empty((PIECES, 2, x.shape[1]), dtype=per_channel.dtype)
        _gradient_sums(x, g, sums, per_channel, relu=ctx.relu)
        total, product = _total(sums)
        scale = per_channel[1].double().numpy()
        slope = -scale * ctx.inverse**2 * product / len(x)
        constant = -scale * total / len(x)
        dx = torch.empty_like(x)
        more = _channels([slope, constant], per_channel)
        _input_gradient(x, g, dx, torch.cat((per_channel[:3], more)), relu=ctx.relu)
        dgamma, dbeta = _channels([product * ctx.inverse, total], per_channel)
        return dx, dgamma, dbeta, None, None


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

    Example:
        >>> x = torch.tensor([1.0, 3.0]).view(2, 1, 1, 1)
        >>> y, mean, variance = batch_norm(x, torch.ones(1), torch.zeros(1), 0.0)
        >>> y.flatten().tolist(), mean.item(), variance.item()
        ([-1.0, 1.0], 2.0, 1.0)
    """
    last = x.permute(0, 2, 3, 1).contiguous()
    flat = last.view(-1, last.shape[3])
    y, mean, variance = _BatchNorm.apply(flat, gamma, beta, epsilon, relu)  # type: ignore[no-untyped-call]
    return y.view(last.shape).permute(0, 3, 1, 2), mean, variance


def torch_batch_norm(
    x: Tensor, gamma: Tensor, beta: Tensor, epsilon: float, relu: bool = False
) -> Tensor:
    """Return the result of :func:`batch_norm` by torch's own operations."""
    y = F.batch_norm(x, None, None, gamma, beta, True, 0.0, epsilon)
    return F.relu(y) if relu else y
