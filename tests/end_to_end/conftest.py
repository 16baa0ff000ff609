from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

SOURCE = Path(__file__).parents[2] / "src"
CLASSES = ("left", "middle", "right")


@dataclass(frozen=True)
class Answer:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[Any]:
        """Standard output as JSON lines; anything else fails."""
        return [json.loads(line) for line in self.out.splitlines()]


@dataclass(frozen=True)
class CommandLine:
    """``python -m convwise`` as a process of its own, with a home of its own."""

    home: Path

    def environment(self) -> dict[str, str]:
        path = os.pathsep.join(filter(None, (str(SOURCE), os.environ.get("PYTHONPATH"))))
        own = {"HOME": str(self.home), "XDG_CACHE_HOME": str(self.home / "cache")}
        return os.environ | own | {"PYTHONPATH": path, "COLUMNS": "80"}

    def start(self, arguments: Sequence[object], **options: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "convwise", *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment(),
            **options,
        )

    def __call__(self, *arguments: object, **options: Any) -> Answer:
        with self.start(arguments, **options) as process:
            out, err = process.communicate(timeout=120)
        assert "Traceback" not in err, err
        return Answer(process.returncode, out, err)


@pytest.fixture(scope="session")
def convwise(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    return CommandLine(tmp_path_factory.mktemp("home"))


MakePicture = Callable[[int], "np.ndarray[Any, np.dtype[np.uint8]]"]


@pytest.fixture(scope="session")
def make_picture() -> MakePicture:
    """Return a maker of 28×28 grey pictures with a bar in the left, middle or right third."""
    generator = np.random.default_rng(0)

    def make(label: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
        picture = generator.integers(0, 60, (28, 28), dtype=np.uint8)
        picture[:, 9 * label + 2 : 9 * label + 8] += 180
        return picture

    return make


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory, make_picture: MakePicture) -> Path:
    """PNG and JPEG files of three classes, and one file that cannot be read."""
    folder = tmp_path_factory.mktemp("data") / "photos"
    for label, name in enumerate(CLASSES):
        (folder / name).mkdir(parents=True)
        for number in range(12):
            suffix = "jpg" if number % 3 == 0 else "png"
            Image.fromarray(make_picture(label)).save(folder / name / f"{number:02}.{suffix}")
    (folder / "left" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno more")
    return folder


@dataclass(frozen=True)
class Trained:
    """A run that the command line made."""

    folder: Path
    answer: Answer

    def read(self, name: str) -> Any:
        return json.loads((self.folder / name).read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def trained(
    convwise: CommandLine, photos: Path, tmp_path_factory: pytest.TempPathFactory
) -> Trained:
    folder = tmp_path_factory.mktemp("runs") / "bars"
    arguments = ["--network", "lenet", "--epochs", 6, "--batch-size", 8, "--threads", 1]
    answer = convwise("train", photos, *arguments, "--out", folder, "--json")
    assert answer.code == 0, answer.err
    return Trained(folder, answer)
