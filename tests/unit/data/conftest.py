from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

MakeFolder = Callable[..., Path]


def tree_hash(root: Path) -> str:
    """Names, contents and times of everything below a folder."""
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        status = path.lstat()
        digest.update(f"{path.relative_to(root)} {status.st_mode} {status.st_mtime_ns}".encode())
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()


@pytest.fixture
def hash_of() -> Callable[[Path], str]:
    return tree_hash


@pytest.fixture
def make_folder(tmp_path: Path) -> MakeFolder:
    """Return a maker of picture folders: path → number of pictures, each of its own content."""

    def make(counts: dict[str, int], *, size: tuple[int, int] = (8, 8), grey: bool = True) -> Path:
        root = tmp_path / "pictures"
        generator = np.random.default_rng(0)
        for name, count in counts.items():
            (root / name).mkdir(parents=True)
            for number in range(count):
                shape = size if grey else (*size, 3)
                pixels = generator.integers(0, 256, shape, dtype=np.uint8)
                Image.fromarray(pixels).save(root / name / f"{number:03d}.png")
        return root

    return make
