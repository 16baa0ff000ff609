"""Keras computes on torch here; it reads its backend once, when it is first imported."""

from __future__ import annotations

import os

os.environ["KERAS_BACKEND"] = "torch"
