"""Numbers, threads and comparisons that the property tests of kernels share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from hypothesis import strategies as st
from torch import Tensor

INTEGERS = {
    torch.float32: torch.int32,
    torch.float64: torch.int64,
    torch.bfloat16: torch.int16,
}
SPECIALS = [0.0, -0.0, 1.0, -1.0, 1.0, 1e-40, -1e-40, 3e38, -3e38]
PALETTES = {
    "numbers": None,
    "ties": [-1.0, 0.0, 1.0],
    "specials": SPECIALS,
    "not finite": [*SPECIALS, float("nan"), float("inf"), float("-inf")],
}
# One, odd numbers, and one more or less than the vectors of 4, 8, 16 and 32 numbers.
CHANNELS = st.sampled_from([1, 2, 3, 7, 8, 15, 16, 17, 31, 33])
SIDES = st.integers(1, 9)
BATCHES = st.sampled_from([1, 2, 3, 6])
TYPES = st.sampled_from(list(INTEGERS))
THREADS = st.sampled_from([1, 2, 5])
SEEDS = st.integers(0, 2**32 - 1)


@contextmanager
def threads(number: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def draw(shape: tuple[int, ...], dtype: torch.dtype, seed: int, palette: str = "numbers") -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    values = PALETTES[palette]
    if values is None:
        numbers = torch.randn(shape, dtype=torch.float64, generator=generator)
    else:
        places = torch.randint(len(values), shape, generator=generator)
        numbers = torch.tensor(values, dtype=torch.float64)[places]
    return numbers.to(dtype).contiguous(memory_format=torch.channels_last)


def assert_same_bits(ours: Tensor, torchs: Tensor, *, zeros_have_signs: bool) -> None:
    """Any NaN equals any NaN: which bits a processor gives it, is not arithmetic's business."""
    assert ours.dtype == torchs.dtype
    assert ours.shape == torchs.shape
    bits = []
    for each in (ours.detach(), torchs.detach()):
        each = torch.where(each.isnan(), torch.full_like(each, torch.nan), each)
        # -0 + 0 is 0; every other number stays what it is.
        each = each if zeros_have_signs else each + 0.0
        bits.append(each.contiguous().view(INTEGERS[each.dtype]))
    assert torch.equal(*bits)
