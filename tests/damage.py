"""Ways to damage a file that know nothing of what is in it."""

from __future__ import annotations

import struct

import numpy as np

Bytes = bytearray
Numbers = np.random.Generator

# Most faults in a file's body are only other numbers, so half of all hit its head.
HEAD = 128


def flip_bits(content: Bytes, numbers: Numbers) -> Bytes:
    for place in places(content, numbers, 16):
        content[place] ^= 1 << int(numbers.integers(8))
    return content


def overwrite(content: Bytes, numbers: Numbers) -> Bytes:
    for place in places(content, numbers, 8):
        content[place] = int(numbers.integers(256))
    return content


def set_extreme(content: Bytes, numbers: Numbers) -> Bytes:
    """Put numbers where sizes, counts and offsets stand: the largest, the smallest, the next."""
    for place in places(content, numbers, 3):
        value = int(numbers.choice([0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF]))
        order = "<>"[int(numbers.integers(2))]
        width = "BHI"[int(numbers.integers(3))]
        packed = struct.pack(order + width, value & (256 ** struct.calcsize(width) - 1))
        content[place : place + len(packed)] = packed
    return content


def cut(content: Bytes, numbers: Numbers) -> Bytes:
    return content[: int(numbers.integers(len(content)))]


def remove(content: Bytes, numbers: Numbers) -> Bytes:
    start, end = sorted(numbers.integers(0, len(content), 2).tolist())
    return content[:start] + content[end:]


def repeat(content: Bytes, numbers: Numbers) -> Bytes:
    start, end = sorted(numbers.integers(0, len(content), 2).tolist())
    return content[:end] + content[start:end] * int(numbers.integers(1, 4)) + content[end:]


def insert(content: Bytes, numbers: Numbers) -> Bytes:
    place = int(numbers.integers(len(content)))
    return content[:place] + numbers.bytes(int(numbers.integers(1, 64))) + content[place:]


BLIND = (flip_bits, overwrite, set_extreme, set_extreme, cut, remove, repeat, insert)


def places(content: Bytes, numbers: Numbers, most: int) -> list[int]:
    # Half of them early, where headers are: damage to pixels is soon found.
    reach = len(content) if numbers.random() < 0.5 else min(len(content), HEAD)
    found: list[int] = numbers.integers(0, reach, int(numbers.integers(1, most + 1))).tolist()
    return found
