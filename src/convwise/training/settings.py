"""What a training was asked for: a named recipe, a TOML file, and flags that win over both."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from convwise.errors import OptionError
from convwise.training.presets import PRESETS, preset
from convwise.training.recipe import Recipe, parse_duration

# Settings that a file may hold beside the recipe's own.
_REQUEST: dict[str, type] = {
    "network": str,
    "precision": str,
    "device": str,
    "seed": int,
    "threads": int,
}


def read_settings(
    config: Path | None, assignments: Sequence[str] = (), **flags: Any
) -> tuple[Recipe, dict[str, Any]]:
    """Return the recipe, and what else was asked: network, precision, device, seed, threads.

    Args:
        config: a TOML file, or None.
        assignments: texts such as ``rotate=10``, which win over the file.
        **flags: settings by name that win over both; None stands for "not given". A ``recipe``,
            here or in the file, names one of :mod:`convwise.training.presets`, over which all else
            wins.

    Raises:
        OptionError: the file cannot be read, or a setting is unknown or out of range.

    Example:
        >>> recipe, request = read_settings(None, epochs=3, network="lenet", seed=None)
        >>> recipe.epochs, request
        (3, {'network': 'lenet'})
    """
    settings = _read(config) if config else {}
    settings |= assigned(assignments)
    settings |= {name: value for name, value in flags.items() if value is not None}
    named = settings.pop("recipe", "default")
    if not isinstance(named, str):
        raise OptionError(
            "'recipe' is no setting that holds others: write them without it, or name a recipe,"
            f" such as recipe = {list(PRESETS)[-1]!r}"
        )
    settings = preset(named) | settings
    if isinstance(settings.get("time_limit"), str):
        settings["time_limit"] = parse_duration(settings["time_limit"])
    request = {name: settings.pop(name) for name in _REQUEST if name in settings}
    for name, value in request.items():
        if type(value) is not _REQUEST[name]:
            raise OptionError(f"{name} = {value!r}: expected {_REQUEST[name].__name__}")
    if request.get("precision", "auto") not in ("auto", "fp32", "bf16", "fp16"):
        raise OptionError(f"precision {request['precision']!r}: use auto, fp32, bf16 or fp16")
    return Recipe.of(settings), request


def assigned(texts: Sequence[str]) -> dict[str, Any]:
    """Return settings from texts such as ``rotate=10``; a value is written as in TOML.

    Raises:
        OptionError: a text has no name or no value.

    Example:
        >>> assigned(["rotate=10", "flip=false", "optimizer=sgd"])
        {'rotate': 10, 'flip': False, 'optimizer': 'sgd'}
    """
    settings: dict[str, Any] = {}
    for text in texts:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not (name and equals and value):
            raise OptionError(f"--set {text}: write NAME=VALUE, for example --set rotate=10")
        try:
            settings[name] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            # A word without quotes, as one types it.
            settings[name] = value
    return settings


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise OptionError(f"--config {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise OptionError(f"--config {path} is no TOML: {error}") from None
