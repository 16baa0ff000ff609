"""A lab in this process: its requests without a socket, and behind a real one."""

from __future__ import annotations

import importlib.util
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from convwise.lab.access import Access, Limits
from convwise.lab.app import make_app
from convwise.lab.places import Places
from served_lab import ServedLab, served

TOKEN = "a-token-that-only-the-tests-know"


@pytest.fixture(autouse=True)
def _processes_hear_ctrl_c() -> Iterator[None]:
    """Let no process be started deaf, as those of a suite that was begun in the background are."""
    deaf = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    if deaf:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    if deaf:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


@pytest.fixture
def places(tmp_path: Path) -> Places:
    for name in ("runs", "studies"):
        (tmp_path / name).mkdir()
    return Places(tmp_path / "runs", (), tmp_path / "studies")


@pytest.fixture
def client(places: Places) -> Iterator[TestClient]:
    """Return a browser that has opened the lab by its address."""
    app = make_app(places, Access(TOKEN, 8760))
    base = "http://127.0.0.1:8760"
    with TestClient(app, base_url=base, headers={"origin": base}) as opened:
        assert opened.get(f"/?token={TOKEN}").status_code == 200
        yield opened


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedLab]:
    folder = tmp_path_factory.mktemp("lab")
    places = Places(folder / "runs", (), folder / "studies")
    with served(places, Limits(body=2_000_000, seconds=1.0)) as lab:
        yield lab


@pytest.fixture(scope="session")
def make_run() -> Callable[..., Path]:
    """Return the function that writes made-up runs for the tests of the report."""
    path = Path(__file__).parents[1] / "report" / "conftest.py"
    spec = importlib.util.spec_from_file_location("made_up_runs_for_the_lab", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    made: Callable[..., Path] = module.make_run
    return made
