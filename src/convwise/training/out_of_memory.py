"""How a lack of memory is told from other errors."""

from __future__ import annotations

import torch

# What torch says where it has no type of its own for that: on the processor, on Apple's GPUs, and
# by CUDA itself.
_WORDS = ("can't allocate memory", "not enough memory", "out of memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that memory could not be had.

    Example:
        >>> is_out_of_memory(MemoryError()), is_out_of_memory(RuntimeError("size mismatch"))
        (True, False)
    """
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _WORDS)
