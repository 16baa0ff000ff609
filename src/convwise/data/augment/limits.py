"""How far each change may go; a recipe knows these without importing what does the changing."""

from __future__ import annotations

from typing import Final

LARGEST: Final = {
    "rotate": 180.0,
    "scale": 1.0,
    "crop": 0.9,
    "brightness": 1.0,
    "contrast": 1.0,
    "erase": 0.9,
}
LARGEST_ALPHA: Final = 10.0
