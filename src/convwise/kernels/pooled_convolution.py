"""A convolution over pictures and the 2×2 max-pooling after it, and ReLU with both.

A network's first convolution reads one or three channels and writes dozens, at the pictures' full
size: the largest map of all, of which pooling then keeps a quarter. Here that map is never written.
The four sums of a window are computed side by side, and only the largest is kept, with a byte
that tells which it was. The bias waits until then: it moves all four alike.

Backward, only one sum of a window has a gradient, so that of the weights takes a quarter of the
work. The pictures' own gradient is not computed: nobody asks for it.

Sums are of float32 whatever the result's type, so in bfloat16 the result is nearer to the true one
than torch's. Two sums that bfloat16 cannot tell apart are told apart here, and a gradient may then
go to another place of the window than torch's.

Bytes moved, for each output value: forward 4 × channels read of the picture, once for all filters,
and the value and 1 written; backward as many read, and nothing written.

Torch's equivalent: ``relu(max_pool2d(conv2d(x, kernel, bias), 2))``.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from numba import types
from torch import Tensor
from torch.autograd.function import once_differentiable

from convwise.kernels.number import as_float, as_stored, fused_product_sum, is_nan
from convwise.kernels.parallel import Kernel, array, flat, share, thread_number

NOBODY = 255
# Products of one value of a window's place that a loop over filters takes at once: more do not fit
# into the processor's registers.
TAPS_AT_ONCE = 12
# As many for a shape whatever the number of threads, so that these do not change the sums.
PIECES = 64
Pair = tuple[int, int]


def _rows_at_once(size: Pair, inputs: int) -> int:
    """Return how many rows of a window are summed in one loop; they divide the window's rows."""
    fitting = (
        rows
        for rows in range(size[0], 0, -1)
        if size[0] % rows == 0 and rows * size[1] * inputs <= TAPS_AT_ONCE
    )
    return next(fitting, 1)


@Kernel
def _forward(number: Any, size: Pair, inputs: int, filters: int, relu: bool) -> Any:
    # Known when this is compiled, as is the number of filters: so LLVM unrolls the loops over a
    # window's places, makes vector instructions of the one over filters, and sees that what is
    # written there is not what is read.
    together, across = _rows_at_once(size, inputs), size[1] * inputs
    parts = size[0] // together

    def run(task: Any) -> None:
        x, kernel = array(task, 0, types.float32), flat(task, 1, types.float32)
        bias, sums = flat(task, 2, types.float32), array(task, 3, types.float32)
        y, winner = array(task, 4, number), array(task, 5, types.uint8)
        first, last = share(y.shape[0] * y.shape[1])
        four = sums[0, 0, thread_number()]
        for line in range(first, last):
            picture, row = line // y.shape[1], line % y.shape[1]
            for column in range(y.shape[2]):
                left = 2 * column * inputs
                for f in range(4 * filters):
                    four[f] = 0
                for part in range(parts):
                    top = 2 * row + part * together
                    start = part * together * across * filters
                    for f in range(filters):
                        a, b = four[f], four[filters + f]
                        c, d = four[2 * filters + f], four[3 * filters + f]
                        for down in range(together):
                            for right in range(across):
                                w = kernel[start + (down * across + right) * filters + f]
                                upper, lower = (
                                    x[0, picture, top + down],
                                    x[0, picture, top + down + 1],
                                )
                                a = fused_product_sum(upper[left + right], w, a)
                                b = fused_product_sum(upper[left + right + inputs], w, b)
                                c = fused_product_sum(lower[left + right], w, c)
                                d = fused_product_sum(lower[left + right + inputs], w, d)
                        four[f], four[filters + f] = a, b
                        four[2 * filters + f], four[3 * filters + f] = c, d
                result, place_of = y[picture, row, column], winner[picture, row, column]
                for f in range(filters):
                    best, place = four[f], types.uint32(0)
                    for other in range(1, 4):
                        value = four[other * filters + f]
                        # As in torch the first of equals wins, and the last NaN.
                        wins = (value > best) | is_nan(value)
                        best = value if wins else best
                        place = types.uint32(other) if wins else place
                    best += bias[f]
                    if relu:
                        dead = best <= 0
                        best = types.float32(0) if dead else best
                        place = types.uint32(NOBODY) if dead else place
                    result[f] = as_stored(best, result[f])
                    place_of[f] = types.uint8(place)

    return run


@Kernel
def _backward(number: Any, size: Pair, inputs: int, filters: int) -> Any:
    """Add up, by pieces of the pictures, the gradients of the weights and then of the bias."""
    together, across = _rows_at_once(size, inputs), size[1] * inputs
    parts, taps = size[0] // together, size[0] * size[1] * inputs

    def run(task: Any) -> None:
        x, g = array(task, 0, types.float32), array(task, 1, number)
        winner, found = array(task, 2, types.uint8), array(task, 3, types.float32)
        lines, pieces = g.shape[0] * g.shape[1], found.shape[2]
        first, last = share(pieces)
        for piece in range(first, last):
            sums = found[0, 0, piece]
            for f in range((taps + 1) * filters):
                sums[f] = 0
            for line in range(piece * lines // pieces, (piece + 1) * lines // pieces):
                picture, row = line // g.shape[1], line % g.shape[1]
                for column in range(g.shape[2]):
                    left = 2 * column * inputs
                    slope, place_of = g[picture, row, column], winner[picture, row, column]
                    for part in range(parts):
                        top = 2 * row + part * together
                        start = part * together * across * filters
                        for f in range(filters):
                            whole, place = as_float(slope[f]), place_of[f]
                            a = whole if place == 0 else types.float32(0)
                            b = whole if place == 1 else types.float32(0)
                            c = whole if place == 2 else types.float32(0)
                            d = whole if place == 3 else types.float32(0)
                            for down in range(together):
                                for right in range(across):
                                    tap = start + (down * across + right) * filters + f
                                    upper = x[0, picture, top + down]
                                    lower = x[0, picture, top + down + 1]
                                    total = fused_product_sum(upper[left + right], a, sums[tap])
                                    total = fused_product_sum(
                                        upper[left + right + inputs], b, total
                                    )
                                    total = fused_product_sum(lower[left + right], c, total)
                                    sums[tap] = fused_product_sum(
                                        lower[left + right + inputs], d, total
                                    )
                    for f in range(filters):
                        whole = as_float(slope[f])
                        sums[taps * filters + f] += (
                            types.float32(0) if place_of[f] == NOBODY else whole
                        )

    return run


class _PooledConvolution(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, kernel: Tensor, bias: Tensor | None, relu: bool, number: torch.dtype
    ) -> Tensor:
        filters, inputs, *size = kernel.shape
        pictures, _, rows, columns = x.shape
        lines = x.permute(0, 2, 3, 1).reshape(pictures, rows, columns * inputs).contiguous()
        taps = kernel.permute(2, 3, 1, 0).contiguous()
        shape = (pictures, (rows - size[0] + 1) // 2, (columns - size[1] + 1) // 2, filters)
        y, winner = x.new_empty(shape, dtype=number), x.new_empty(shape, dtype=torch.uint8)
        _forward(
            lines,
            taps,
            x.new_zeros(filters) if bias is None else bias,
            x.new_empty(torch.get_num_threads(), 4 * filters),
            y,
            winner,
            of=number,
            size=(size[0], size[1]),
            inputs=inputs,
            filters=filters,
            relu=relu,
        )
        ctx.save_for_backward(lines, winner)
        ctx.kernel_shape, ctx.has_bias = kernel.shape, bias is not None
        return y.permute(0, 3, 1, 2)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor) -> tuple[None, Tensor, Tensor | None, None, None]:
        lines, winner = ctx.saved_tensors
        filters, inputs, height, width = ctx.kernel_shape
        taps = height * width * inputs
        last = g.permute(0, 2, 3, 1).contiguous()
        pieces = max(1, min(PIECES, last.shape[0] * last.shape[1]))
        found = lines.new_empty(pieces, (taps + 1) * filters)
        _backward(
            lines,
            last,
            winner,
            found,
            of=g.dtype,
            size=(height, width),
            inputs=inputs,
            filters=filters,
        )
        sums = found.sum(dim=0, dtype=torch.float64).float().view(taps + 1, filters)
        slope = sums[:taps].view(height, width, inputs, filters).permute(3, 2, 0, 1)
        return None, slope.contiguous(), sums[taps] if ctx.has_bias else None, None, None


def pooled_convolution(
    x: Tensor, kernel: Tensor, bias: Tensor | None, relu: bool, number: torch.dtype
) -> Tensor:
    """Return the largest of each 2×2 of a convolution's sums, or zero where that is larger.

    Args:
        x: float32 (batch, channels, height, width) in channels_last memory; its gradient is not
            computed.
        kernel: float32 (filters, channels, kernel height, kernel width).
        bias: float32 (filters,) or None.
        relu: whether ReLU follows.
        number: type of the result, float32 or bfloat16.

    Returns:
        (batch, filters, height', width') in channels_last memory; as far from the true values as
        float32 sums are, then rounded to the type.

    Example:
        >>> x = torch.arange(9.0).view(1, 1, 3, 3)
        >>> pooled_convolution(x, torch.ones(1, 1, 2, 2), None, False, torch.float32)
        tensor([[[[24.]]]])
    """
    pooled: Tensor = _PooledConvolution.apply(x, kernel, bias, relu, number)  # type: ignore[no-untyped-call]
    return pooled


def torch_pooled_convolution(
    x: Tensor, kernel: Tensor, bias: Tensor | None, relu: bool, number: torch.dtype
) -> Tensor:
    """Return what :func:`pooled_convolution` does, by torch's own operations."""
    bias = None if bias is None else bias.to(number)
    pooled = F.max_pool2d(F.conv2d(x.to(number), kernel.to(number), bias), 2)
    return F.relu(pooled) if relu else pooled
