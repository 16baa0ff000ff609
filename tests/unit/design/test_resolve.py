import json
from pathlib import Path

import pytest

from convwise.design import Flatten, Network, resolve_network, zoo
from convwise.errors import DesignError, NotationError, OptionError

TEXT = "conv 8 3 relu | flatten | dense classes"
NETWORK = Network.from_text(TEXT)


def test_a_network_is_itself() -> None:
    assert resolve_network(NETWORK) is NETWORK


def test_a_name_is_found_in_the_zoo() -> None:
    assert resolve_network(" lenet\n") == zoo.network("lenet")


@pytest.mark.parametrize("text", [TEXT, TEXT.replace(" | ", "\n"), "flatten", "relu # alone"])
def test_text_is_read_as_notation(text: str) -> None:
    assert resolve_network(text) == Network.from_text(text)


def test_a_file_holds_text_or_json(tmp_path: Path) -> None:
    text, data = tmp_path / "net.txt", tmp_path / "net.json"
    text.write_text(f"\ufeff{TEXT}\n", encoding="utf-8")
    data.write_text(json.dumps(NETWORK.to_dict()), encoding="utf-8")
    for path in (text, data):
        assert resolve_network(path) == resolve_network(str(path)) == NETWORK


def test_json_may_stand_in_the_text_itself() -> None:
    assert resolve_network(json.dumps(NETWORK.to_dict())) == NETWORK


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(OptionError, match="did you mean lenet"):
        resolve_network("lenett")
    with pytest.raises(OptionError, match="known are fast, "):
        resolve_network("xyzzy")


@pytest.mark.parametrize("spec", ["missing.txt", "missing/net", Path("missing.json")])
def test_a_missing_file_is_told(spec: str | Path) -> None:
    with pytest.raises(OptionError, match="missing"):
        resolve_network(spec)


def test_a_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=tmp_path.name):
        resolve_network(tmp_path)


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"\xff\xfe\x00", OptionError),
        (b"{", OptionError),
        (b"[" * 100_000, OptionError),
        (b'{"layers": 3}', DesignError),
        (b'{"layers": [{"layer": "Dropout", "rate": NaN}]}', DesignError),
        (b'{"layers": [{"layer": "Dropout", "rate": ' + b"9" * 9_000 + b"}]}", OptionError),
        (b" " * 4_000_001, OptionError),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_a_damaged_json_file_is_told(tmp_path: Path, content: bytes, error: type) -> None:
    path = tmp_path / "net.json"
    path.write_bytes(content)
    with pytest.raises(error) as caught:
        resolve_network(path)
    assert len(str(caught.value)) < 300 + len(str(path))


def test_a_wrong_line_of_a_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "net.txt"
    path.write_text("flatten\ndens classes\n")
    with pytest.raises(NotationError, match="line 2, column 1: dens is no layer — did you mean"):
        resolve_network(path)


def test_something_else_is_told() -> None:
    with pytest.raises(OptionError, match="Flatten"):
        resolve_network(Flatten())  # type: ignore[arg-type]
