"""Numbers as kernels see them: float32, float64, and bfloat16 by its bits."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

_WORD, _HALF = ir.IntType(32), ir.IntType(16)


def _keep(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    return arguments[0]


@intrinsic
def as_float(context: Any, value: Any) -> Any:
    """Return the number to compute with: float32 for bfloat16, else the number itself."""

    def widen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        # A bfloat16 is the upper half of the float32 of the same value.
        bits = builder.shl(builder.zext(arguments[0], _WORD), ir.Constant(_WORD, 16))
        return builder.bitcast(bits, ir.FloatType())

    if value == types.uint16:
        return types.float32(types.uint16), widen
    return value(value), _keep


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
        return builder.trunc(builder.lshr(kept, ir.Constant(_WORD, 16)), _HALF)

    def cast(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return context.cast(builder, arguments[0], value, like)

    return like(value, like), narrow if like == types.uint16 else cast


@intrinsic
def as_rank(context: Any, value: Any) -> Any:
    """Return a number to compare with: of two numbers the larger has the larger rank.

    0 and -0 have one rank. No number's rank is larger than that of NaN.
    """

    def turn(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        # A signed integer: the magnitude, negated from -0 (0x8000) to -infinity (0xFF80). What is
        # behind that is NaN.
        magnitude = builder.and_(arguments[0], ir.Constant(_HALF, 0x7FFF))
        negative = builder.icmp_signed("<=", arguments[0], ir.Constant(_HALF, -0x80))
        return builder.select(negative, builder.neg(magnitude), magnitude)

    if value == types.uint16:
        return types.int16(types.uint16), turn
    return value(value), _keep


@intrinsic
def is_nan(context: Any, value: Any) -> Any:
    """Return whether a number is none."""

    def by_bits(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        magnitude = builder.and_(arguments[0], ir.Constant(_HALF, 0x7FFF))
        return builder.icmp_unsigned(">", magnitude, ir.Constant(_HALF, 0x7F80))

    def by_comparison(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fcmp_unordered("uno", arguments[0], arguments[0])

    return types.boolean(value), by_bits if value == types.uint16 else by_comparison


@intrinsic
def fused_product_sum(context: Any, one: Any, other: Any, total: Any) -> Any:
    """Return ``one * other + total``, rounded once where the processor has a way to."""

    def fuse(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = context.get_value_type(total)
        takes = ir.FunctionType(kind, [kind] * 3)
        function = builder.module.declare_intrinsic("llvm.fmuladd", [kind], takes)
        return builder.call(function, arguments)

    return total(total, total, total), fuse
