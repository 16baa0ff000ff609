"""What a run ran on: recorded, so that its figures can be read and repeated."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

from convwise import kernels
from convwise.data.cores import processor, usable_cores

PACKAGES = ("torch", "numpy", "numba", "pillow", "safetensors", "scikit-learn")


def machine_facts() -> dict[str, Any]:
    """Return processor, cores that this process may use, memory in GB, system."""
    return {
        "cpu": processor(),
        "cores": usable_cores(),
        "memory_gb": _memory_gb(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def package_versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that decide a run's bits."""
    found = {"python": platform.python_version()}
    for package in ("convwise", *PACKAGES):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def deciding_facts(*, fuse: bool, ranks: int = 1, gpu: str | None = None) -> dict[str, Any]:
    """Return what a run's bits depend on besides its request: build, processor, threads, ranks.

    Args:
        fuse: whether kernels may be used.
        ranks: how many processes train together.
        gpu: what each of them computes on, if not the processor.
    """
    versions = package_versions()
    return {
        "cpu": processor(),
        "gpu": gpu,
        "threads": torch.get_num_threads(),
        "ranks": ranks,
        "convwise": versions["convwise"],
        "torch": versions["torch"],
        "numpy": versions["numpy"],
        "kernels": _kernels() if fuse and kernels.available() else None,
    }


def _kernels() -> str:
    from convwise.kernels.parallel import version_of_kernels

    return f"{version_of_kernels()} on numba {version('numba')}"


def _memory_gb() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)
    except (AttributeError, ValueError, OSError):
        return None
