from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import re
import tarfile
from pathlib import Path
from typing import Any

import pytest

from convwise.errors import OptionError, RunError
from convwise.model.trained import TrainedModel
from convwise.ship.export import export
from convwise.ship.onnx_model import onnx_bytes
from convwise.ship.web import engine, fetch

FILES = {engine.SCRIPT: b"a script", engine.BINARY: b"\0asm and more"}


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Folders of the package and of the cache, both empty, for files that these tests make up."""
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in FILES.items()}
    packed, kept = tmp_path / "packed", tmp_path / "kept"
    monkeypatch.setattr(engine, "SHA256", digests)
    monkeypatch.setattr(engine, "PACKED", packed)
    monkeypatch.setattr(engine, "kept", lambda: kept)
    monkeypatch.setattr(fetch, "kept", lambda: kept)
    return packed, kept


def put(folder: Path, files: dict[str, bytes]) -> None:
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)


def test_a_folder_holds_the_page_the_model_and_what_runs_it(
    model: TrainedModel, places: Any, tmp_path: Path
) -> None:
    put(places[0], FILES)
    done = export(model, "web", tmp_path / "demo.v1")
    folder = done.file
    assert folder == tmp_path / "demo.v1"
    assert (folder / "model.onnx").read_bytes() == onnx_bytes(model)
    told = json.loads((folder / "model.json").read_text())
    assert told["classes"] == list(model.classes)
    assert told["image_format"] == model.image_format.to_dict()
    runtime = folder / "runtime"
    assert (runtime / "ort.wasm.bundle.min.js").read_bytes() == FILES[engine.SCRIPT]
    assert gzip.decompress((runtime / f"{engine.BINARY}.gz").read_bytes()) == FILES[engine.BINARY]
    assert "Microsoft" in (runtime / "LICENSE").read_text()
    sizes = [each.stat().st_size for each in folder.rglob("*") if each.is_file()]
    figures = done.to_dict()
    assert figures["size"] == sum(sizes)
    assert figures["runtime"] == "onnxruntime"
    assert "WebAssembly" in figures["verdict"]
    assert figures["max_difference"] < 1e-5
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith(".")] == []


def test_a_page_names_only_files_that_are_in_the_folder(
    model: TrainedModel, places: Any, tmp_path: Path
) -> None:
    put(places[1], FILES)
    folder = export(model, "web", tmp_path / "demo").file
    text = {each.name: each.read_text() for each in folder.glob("*.js")}
    text["index.html"] = (folder / "index.html").read_text()
    named = {
        path
        for content in text.values()
        for path in re.findall(r'(?:from |src=|href=|^import )"([^"]+)"', content)
    } - {"data:,"}
    assert len(named) > 8
    for path in named:
        assert (folder / path).is_file(), path
    addresses = {
        each for content in text.values() for each in re.findall(r"https?://[\w.]+", content)
    }
    assert addresses == {"http://localhost", "http://www.w3.org"}, "a name space, and advice"


def test_without_the_runtime_the_command_that_gets_it_is_told(
    model: TrainedModel, places: Any, tmp_path: Path
) -> None:
    with pytest.raises(OptionError, match=r"run: python -m convwise\.ship\.web\.fetch"):
        export(model, "web", tmp_path / "demo")
    put(places[0], FILES | {engine.BINARY: b"damaged"})
    with pytest.raises(OptionError, match="is not on this machine"):
        export(model, "web", tmp_path / "demo")
    assert not (tmp_path / "demo").exists()


def test_a_folder_that_stands_there_is_kept(
    model: TrainedModel, places: Any, tmp_path: Path
) -> None:
    put(places[0], FILES)
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "mine.txt").write_text("mine")
    with pytest.raises(OptionError, match="demo exists"):
        export(model, "web", tmp_path / "demo")
    assert [each.name for each in (tmp_path / "demo").iterdir()] == ["mine.txt"]


def npm_that_packs(folder: Path, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """Put an npm on the path that knows one package."""
    archive = folder / "package.tgz"
    with tarfile.open(archive, "w:gz") as file:
        for name, content in files.items():
            entry = tarfile.TarInfo(f"package/dist/{name}")
            entry.size = len(content)
            file.addfile(entry, io.BytesIO(content))
    (folder / "bin").mkdir()
    program = folder / "bin" / "npm"
    program.write_text(
        f'#!/bin/sh\n[ "$2" = "onnxruntime-web@{engine.VERSION}" ] || exit 9\n'
        f'cp "{archive}" "$5/made.tgz"\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")


def test_the_runtime_is_fetched_by_npm_and_found_again(
    places: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    npm_that_packs(tmp_path, FILES | {"other.js": b"x"}, monkeypatch)
    assert fetch.main([]) == 0
    assert str(places[1]) in capsys.readouterr().out
    assert engine.find_engine() == FILES
    assert sorted(each.name for each in places[1].iterdir()) == sorted(FILES)


def test_another_file_than_the_pinned_one_is_refused(
    places: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    npm_that_packs(tmp_path, FILES | {engine.BINARY: b"evil"}, monkeypatch)
    with pytest.raises(RunError, match="its SHA-256 is another"):
        engine.fetch_engine(tmp_path / "here")
    assert not (tmp_path / "here").exists()


def test_npm_that_is_missing_or_fails_is_told(
    places: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert fetch.main([]) == 2
    assert "install Node.js" in capsys.readouterr().err
    (tmp_path / "npm").write_text("#!/bin/sh\necho 'no such host' >&2\nexit 1\n")
    (tmp_path / "npm").chmod(0o755)
    assert fetch.main([]) == 1
    assert "no such host" in capsys.readouterr().err
