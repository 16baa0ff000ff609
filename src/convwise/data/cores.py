"""Which processor this is, how much of it is ours, and how large its cache is."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path


def usable_cores() -> int:
    """Return how many cores this process may use.

    Example:
        >>> usable_cores() >= 1
        True
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def processor() -> str:
    """Return the name of the processor, as well as it can be had."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine() or sys.platform


def cache_bytes() -> int | None:
    """Return the size of the processor's last cache; None where the system does not tell.

    Example:
        >>> cache_bytes() is None or cache_bytes() > 0
        True
    """
    for level in (3, 2):
        try:
            size = os.sysconf(f"SC_LEVEL{level}_CACHE_SIZE")
        except (AttributeError, ValueError, OSError):
            continue
        if size > 0:
            return size
    return None
