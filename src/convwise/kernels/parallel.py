"""Kernels: Numba functions that run on torch's own threads.

A processor has so many cores, and torch's OpenMP threads hold them: after each operation they spin
for a while, waiting for the next. Numba's ``parallel=True`` would bring a second set of threads,
and the two sets would push each other off the cores; measured, that costs more than a fused kernel
saves. So a kernel is compiled to a plain C function of one argument, and handed to
``GOMP_parallel`` of the OpenMP library that torch has loaded: the threads that have just finished
a convolution run the kernel next.

The one argument is a table of int64: where each array begins, and its shape. Kernels take it apart
with :func:`array`, and their part of the work with :func:`share`.
"""

from __future__ import annotations

import array as c_array
import ctypes
import functools
import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
import numba
import torch
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray
from torch import Tensor

from convwise.data.catalogue import cache_folder

_DIMENSIONS = 4
_SLOTS = 1 + _DIMENSIONS
_ELEMENTS = {
    torch.float32: types.float32,
    torch.float64: types.float64,
    # Numba has no such type: a bfloat16 is the upper half of a float32 (kernels.number).
    torch.bfloat16: types.uint16,
}
_ENTRY = types.void(types.CPointer(types.int64))
_OPENMP = ("GOMP_parallel", "omp_get_thread_num", "omp_get_num_threads")


@functools.cache
def openmp() -> Any | None:
    """Return torch's OpenMP library, or None where it is of another make."""
    library = ctypes.CDLL(None)
    try:
        for name in _OPENMP:
            llvm.add_symbol(name, ctypes.cast(getattr(library, name), ctypes.c_void_p).value)
    except AttributeError:
        return None
    library.GOMP_parallel.argtypes = [ctypes.c_void_p, ctypes.c_void_p] + [ctypes.c_uint] * 2
    return library


class Kernel:
    """A function that is compiled when a type of number first meets it.

    Args:
        write: takes the Numba type of the numbers (and flags), returns the Python function to
            compile, whose argument is the task's table.

    Example:
        >>> @Kernel
        ... def double(number):
        ...     def run(task):
        ...         x = array(task, 0, number)
        ...         first, last = share(x.shape[3])
        ...         for place in range(first, last):
        ...             x[0, 0, 0, place] *= 2
        ...     return run
        >>> values = torch.ones(3)
        >>> double(values)
        >>> values
        tensor([2., 2., 2.])
    """

    def __init__(self, write: Callable[..., Callable[..., None]]) -> None:
        self._compiled = functools.cache(functools.partial(_compile, write))
        functools.update_wrapper(self, write)

    def __call__(
        self,
        *arrays: Tensor | NDArray[Any] | int,
        of: torch.dtype | None = None,
        **flags: Any,
    ) -> None:
        """Run on torch's threads.

        Args:
            *arrays: C-contiguous tensors or arrays of up to four dimensions, or whole numbers, in
                the order in which the kernel takes them from its table.
            of: the type of number; that of the first tensor unless given.
            **flags: what else the kernel is written for.
        """
        number = of or next(each.dtype for each in arrays if isinstance(each, Tensor))
        entry = self._compiled(_ELEMENTS[number], **flags)
        # Not NumPy's array, which takes longer to make than a small kernel to run.
        table = c_array.array("q", [fact for each in arrays for fact in _row(each)])
        library = openmp()
        assert library is not None, "a kernel was called where kernels.available() is false"
        library.GOMP_parallel(entry.address, table.buffer_info()[0], torch.get_num_threads(), 0)


def _row(value: Tensor | NDArray[Any] | int) -> tuple[int, ...]:
    if isinstance(value, int):
        return (value,) + (0,) * _DIMENSIONS
    address = value.data_ptr() if isinstance(value, Tensor) else value.ctypes.data
    return (address, *(1,) * (_DIMENSIONS - value.ndim), *value.shape)


class _Spent:
    """Seconds that compiling has taken in this process; what is found compiled takes none."""

    seconds = 0.0


def seconds_of_compiling() -> float:
    """Return how long this process has compiled kernels that no earlier one had kept."""
    return _Spent.seconds


def _compile(write: Callable[..., Callable[..., None]], element: Any, **flags: Any) -> Any:
    start = time.perf_counter()
    compiled = _compiled(write, element, **flags)
    if not compiled.cache_hits:
        _Spent.seconds += time.perf_counter() - start
    return compiled


def _compiled(write: Callable[..., Callable[..., None]], element: Any, **flags: Any) -> Any:
    openmp()
    function = write(element, **flags)
    config = numba.config
    before = config.CACHE_DIR
    # Numba looks here while it decorates; the user's own Numba functions keep their place.
    config.CACHE_DIR = str(cache_folder() / "kernels" / version_of_kernels())
    try:
        return numba.cfunc(_ENTRY, cache=True)(function)
    except (RuntimeError, OSError, EOFError):
        # Nothing can be written, the disk is full, or what was kept is damaged: a second's wait.
        return numba.cfunc(_ENTRY)(function)
    finally:
        config.CACHE_DIR = before


@functools.cache
def version_of_kernels() -> str:
    """Return a name for the kernels as they are; Numba would miss a change in what they share."""
    sources = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(each.read_bytes() for each in sources)).hexdigest()[:16]


_thread_number = types.ExternalFunction("omp_get_thread_num", types.int32())
_number_of_threads = types.ExternalFunction("omp_get_num_threads", types.int32())


@numba.njit
def thread_number() -> int:
    """Return which of the threads this is: 0 or more, below ``torch.get_num_threads()``."""
    return int(_thread_number())


@numba.njit
def share(count: int) -> tuple[int, int]:
    """Return (first, last + 1) of this thread's part of so many pieces."""
    thread, threads = _thread_number(), _number_of_threads()
    return thread * count // threads, (thread + 1) * count // threads


@intrinsic
def _pointer(context: Any, address: Any, element: Any) -> Any:
    pointer = types.CPointer(element.dtype)

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(pointer))

    return pointer(types.int64, element), build


@numba.njit
def array(task: Any, place: int, element: Any) -> Any:
    """Return an argument of the task as an array of four dimensions; those it lacks come first."""
    start = place * _SLOTS
    shape = (task[start + 1], task[start + 2], task[start + 3], task[start + 4])
    return numba.carray(_pointer(task[start], element), shape)


@numba.njit
def flat(task: Any, place: int, element: Any) -> Any:
    """Return all numbers of an argument of the task, one after the other."""
    start = place * _SLOTS
    count = task[start + 1] * task[start + 2] * task[start + 3] * task[start + 4]
    return numba.carray(_pointer(task[start], element), (count,))


@intrinsic
def prefetch(context: Any, values: Any, place: Any) -> Any:
    """Ask for the cache line of ``values`` at a flat place, which may lie behind the end.

    A processor foresees where one stream of memory goes on, but not where a window's next rows are.
    """

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        address = builder.bitcast(builder.gep(data, [arguments[1]]), byte)
        kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        function = builder.module.declare_intrinsic("llvm.prefetch", [byte], kind)
        # To read, into the nearest cache, of data.
        builder.call(function, [address, number(0), number(3), number(1)])
        return context.get_dummy_value()

    return types.void(values, types.int64), build


@numba.njit
def whole_number(task: Any, place: int) -> int:
    """Return an argument of the task that is a number."""
    return int(task[place * _SLOTS])
