"""Keep freed memory in the process, so that activations do not fault their pages in again.

glibc serves every block above 32 MB (and, by default, adapts from 128 kB upwards) with ``mmap`` and
gives it back to the kernel on ``free``. A training step frees and takes the same large blocks over
and over, and pays a page fault for each 4 kB of them: on two Zen 3 cores a ReLU over 51 MB took
25 ms, of which 20 ms were page faults. ``mallopt`` (glibc manual, "Malloc Tunable Parameters")
makes the heap keep what was freed.
"""

from __future__ import annotations

import ctypes
import functools

_M_TRIM_THRESHOLD = -1
_M_TOP_PAD = -2
_M_MMAP_MAX = -4


@functools.cache
def keep_freed_memory() -> bool:
    """Ask the C library to reuse freed blocks; return whether it agreed.

    The process then holds on to its peak memory until it ends. Elsewhere than on glibc nothing
    happens, and the answer is False. Calling it again costs nothing.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return False
    settings = ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, 2**31 - 1), (_M_TOP_PAD, 64 << 20))
    agreed = [bool(mallopt(option, value)) for option, value in settings]
    return all(agreed)
