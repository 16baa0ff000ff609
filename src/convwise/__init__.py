"""From a folder of images to a convolutional classifier that you understand and can ship.

The names below are imported when they are first used, so ``import convwise`` costs nothing and
does not load torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from convwise.classifier import Classifier
    from convwise.data import load_data
    from convwise.design.network import Network
    from convwise.design.plan import Plan, plan
    from convwise.errors import ConvwiseError
    from convwise.evaluation.evaluate import evaluate
    from convwise.image import ImageFormat
    from convwise.model.build import build
    from convwise.model.modelfile import load_model
    from convwise.training.recipe import Recipe
    from convwise.training.resume import resume
    from convwise.training.run import Run
    from convwise.training.train import train

_HOMES = {
    "Classifier": "convwise.classifier",
    "ConvwiseError": "convwise.errors",
    "ImageFormat": "convwise.image",
    "Network": "convwise.design.network",
    "Plan": "convwise.design.plan",
    "Recipe": "convwise.training.recipe",
    "Run": "convwise.training.run",
    "build": "convwise.model.build",
    "evaluate": "convwise.evaluation.evaluate",
    "load_data": "convwise.data",
    "load_model": "convwise.model.modelfile",
    "plan": "convwise.design.plan",
    "resume": "convwise.training.resume",
    "train": "convwise.training.train",
}

__all__ = [
    "Classifier",
    "ConvwiseError",
    "ImageFormat",
    "Network",
    "Plan",
    "Recipe",
    "Run",
    "build",
    "evaluate",
    "load_data",
    "load_model",
    "plan",
    "resume",
    "train",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return importlib.import_module("importlib.metadata").version("convwise")
    if name not in _HOMES:
        raise AttributeError(f"module 'convwise' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
