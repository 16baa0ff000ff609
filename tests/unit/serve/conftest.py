from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from serving import Running, running, write_model


@pytest.fixture(scope="session")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("served") / "small.safetensors")


@pytest.fixture(scope="module")
def server(model_file: Path) -> Iterator[Running]:
    with running({"small": model_file}) as found:
        yield found
