"""Fused kernels for training on a CPU.

In a small CNN much of a step is not convolution but passes over memory: pooling, normalisation,
activation, random bits. Each file here does one of these in fewer passes than torch's operations,
says how many bytes it moves, and names its torch equivalent, which is also what runs where a kernel
cannot. Which of the two is used, is settled by a race on the shapes of the real network
(``convwise.model.race``).

Start reading with ``parallel``: how a kernel is compiled and run on torch's own threads, and with
``number``: what it reads and writes. Then the kernels, the simplest first: ``residual_sum``,
``max_pool``, ``dropout``, ``pictures``; and batch normalisation, which stands on ``wide_rows`` and
``moments``.
"""

from __future__ import annotations

import functools
import importlib.util
import os

__all__ = ["available"]

SWITCH = "CONVWISE_KERNELS"


@functools.cache
def available() -> bool:
    """Return whether kernels can run: Numba can be imported, and torch's threads are OpenMP's.

    The environment variable ``CONVWISE_KERNELS=off`` says no.
    """
    if os.environ.get(SWITCH, "").lower() in ("off", "0", "no", "false"):
        return False
    if importlib.util.find_spec("numba") is None:
        return False
    try:
        # Numba takes half a second to import.
        from convwise.kernels.parallel import openmp
    except Exception:  # a Numba that does not fit its LLVM or NumPy fails in ways of its own
        return False
    return openmp() is not None
