from __future__ import annotations

import pytest

from convwise.data.dataset import Decoded
from toy_study import make_decoded


@pytest.fixture(scope="session")
def decoded() -> Decoded:
    return make_decoded()
