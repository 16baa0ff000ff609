"""Numbers as kernels see them: float32, float64, and bfloat16 by its bits."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

_WORD = ir.IntType(32)


@intrinsic
def as_float(context: Any, value: Any) -> Any:
    """Return the number to compute with: float32 for bfloat16, else the number itself."""

    def widen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        # A bfloat16 is the upper half of the float32 of the same value.
        bits = builder.shl(builder.zext(arguments[0], _WORD), ir.Constant(_WORD, 16))
        return builder.bitcast(bits, ir.FloatType())

    def keep(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return arguments[0]

    if value == types.uint16:
        return types.float32(types.uint16), widen
    return value(value), keep


@intrinsic
def as_stored(context: Any, value: Any, like: Any) -> Any:
    """Return a number in the type of ``like``; to bfloat16 it rounds to nearest, ties to even."""

    def narrow(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        single = context.cast(builder, arguments[0], value, types.float32)
        bits = builder.bitcast(single, _WORD)
        # Just under half is added, and the last bit that is kept: so ties go to even.
        odd = builder.and_(builder.lshr(bits, ir.Constant(_WORD, 16)), ir.Constant(_WORD, 1))
        rounded = builder.add(bits, builder.add(ir.Constant(_WORD, 0x7FFF), odd))
        # The addition would carry the bits of some NaN over into an infinity or a zero.
        is_nan = builder.fcmp_unordered("uno", single, single)
        kept = builder.select(is_nan, ir.Constant(_WORD, 0x7FC00000), rounded)
        return builder.trunc(builder.lshr(kept, ir.Constant(_WORD, 16)), ir.IntType(16))

    def cast(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return context.cast(builder, arguments[0], value, like)

    return like(value, like), narrow if like == types.uint16 else cast
