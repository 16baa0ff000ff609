"""A lab that is asked without a browser, and folders for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from fastapi.testclient import TestClient

from convwise.design.plan import plan
from convwise.image import ImageFormat
from convwise.lab.access import Access
from convwise.lab.app import make_app
from convwise.lab.places import Places
from convwise.model.build import build
from convwise.model.modelfile import model_bytes
from convwise.model.trained import TrainedModel

ADDRESS = "http://localhost:8760"


@contextmanager
def lab_client(folder: Path, data: tuple[Path, ...] = ()) -> Iterator[TestClient]:
    """A client that has the token, of a lab with ``runs`` and ``studies`` in a folder."""
    access = Access("secret", 8760)
    places = Places(folder / "runs", data, folder / "studies")
    with TestClient(
        make_app(places, access),  # type: ignore[arg-type]
        base_url=ADDRESS,
        headers={"origin": ADDRESS},
        cookies={access.cookie: "secret"},
    ) as client:
        yield client


def write_model(
    path: Path,
    text: str = "conv 4 3 same relu | maxpool 2 | flatten | dense classes",
    image: tuple[int, int, int] = (12, 12, 1),
    classes: tuple[str, ...] = ("low", "top"),
    seed: int = 0,
) -> TrainedModel:
    """Write the model file of a network with random weights."""
    network = build(plan(text, image, len(classes)).require(), seed=seed)
    model = TrainedModel(network.eval(), ImageFormat(*image), classes, name="toy")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model_bytes(model))
    return model


def pixels(shape: tuple[int, int, int], seed: int = 0) -> np.ndarray:  # type: ignore[type-arg]
    """Random levels."""
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
