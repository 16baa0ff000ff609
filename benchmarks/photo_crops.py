"""A small folder of hard photographs, made from those that ship inside two installed packages.

A class is a photograph; a picture is a small crop of it, turned, blurred or not, with other light
and noise. Training pictures come from the left half of each photograph and test pictures from the
right half, so that no pixel is on both sides: what is learnt has to hold for a part that was never
seen.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter

SCIKIT_LEARN = ("china.jpg", "flower.jpg")
SCIKIT_IMAGE = (
    "astronaut.png",
    "brick.png",
    "camera.png",
    "cell.png",
    "chelsea.png",
    "coffee.png",
    "coins.png",
    "grass.png",
    "gravel.png",
    "hubble_deep_field.jpg",
    "ihc.png",
    "moon.png",
    "motorcycle_left.png",
    "page.png",
    "retina.jpg",
    "rocket.jpg",
)
SIDE = 96
PARTS = {"train": (0.0, 0.48), "validation": (0.0, 0.48), "test": (0.52, 1.0)}


def photographs() -> dict[str, Path]:
    """Return name → file; scikit-image is found, not imported."""
    folders = {"sklearn": "datasets/images", "skimage": "data"}
    found = {}
    for package, names in (("sklearn", SCIKIT_LEARN), ("skimage", SCIKIT_IMAGE)):
        spec = find_spec(package)
        if spec is None or spec.origin is None:
            raise SystemExit(f"{package} is not installed; run: pip install 'convwise[dev]'")
        folder = Path(spec.origin).parent / folders[package]
        found |= {Path(name).stem: folder / name for name in names}
    return found


def write_folder(folder: Path, counts: dict[str, int], seed: int) -> Path:
    """Write ``train/``, ``validation/`` and ``test/`` with a folder for each photograph.

    Args:
        folder: is made.
        counts: pictures of a class, for each split.
        seed: decides about all of them.
    """
    for number, (name, file) in enumerate(sorted(photographs().items())):
        with Image.open(file) as opened:
            photograph = opened.convert("RGB")
        for part, (split, count) in enumerate(counts.items()):
            random = np.random.default_rng([seed, number, part])
            below = folder / split / name
            below.mkdir(parents=True)
            for place in range(count):
                _crop(photograph, PARTS[split], random).save(below / f"{place:03d}.png")
    return folder


def _crop(
    photograph: Image.Image, part: tuple[float, float], random: np.random.Generator
) -> Image.Image:
    left, right = (round(share * photograph.width) for share in part)
    half = photograph.crop((left, 0, right, photograph.height))
    side = min(int(random.integers(64, 161)), *half.size)
    x, y = (int(random.integers(0, length - side + 1)) for length in half.size)
    # Turned while it is large, so that no corner is empty.
    angle = float(random.uniform(-25, 25))
    turned = half.rotate(angle, Image.Resampling.BILINEAR, center=(x + side / 2, y + side / 2))
    inner = round(side * 0.15)
    box = (x + inner, y + inner, x + side - inner, y + side - inner)
    picture = turned.resize((SIDE, SIDE), Image.Resampling.BILINEAR, box=box)
    picture = ImageEnhance.Brightness(picture).enhance(float(random.uniform(0.6, 1.4)))
    picture = ImageEnhance.Color(picture).enhance(float(random.uniform(0.0, 1.0)))
    picture = picture.filter(ImageFilter.GaussianBlur(float(random.uniform(0, 1.5))))
    return Image.fromarray(_noisy(np.asarray(picture), random))


def _noisy(pixels: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
    noise = random.normal(0, random.uniform(0, 12), pixels.shape)
    return (pixels + noise).clip(0, 255).astype(np.uint8)
