"""Optional packages: imported when they are needed, missed with the line that installs them."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterable
from types import ModuleType

from convwise.errors import MissingExtraError


def require(module: str, extra: str) -> ModuleType:
    """Import a module of an extra.

    Raises:
        MissingExtraError: it is not installed; says the ``pip install`` line.

    Example:
        >>> require("no_such_module", "export")
        Traceback (most recent call last):
        convwise.errors.MissingExtraError: no_such_module is not installed; run: pip install \
'convwise[export]'
    """
    require_installed((module,), extra)
    return importlib.import_module(module)


def require_installed(modules: Iterable[str], extra: str) -> None:
    """Check that modules of an extra can be imported, without importing them.

    Raises:
        MissingExtraError: one is not installed; says the ``pip install`` line.
    """
    for module in modules:
        if not is_installed(module):
            raise MissingExtraError(module.partition(".")[0], extra)


def require_openvino() -> ModuleType:
    """Import OpenVINO without what would send figures of its use to its maker.

    NNCF, imported afterwards, is silent too. A process that imported them itself is left as it is.

    Raises:
        MissingExtraError: it is not installed.
    """
    # Both packages import this one if they can, and do without it otherwise; None makes it missing.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    return require("openvino", "openvino")


def is_installed(module: str) -> bool:
    """Return whether a module can be found; its package alone is looked for, nothing is run."""
    return importlib.util.find_spec(module.partition(".")[0]) is not None
