"""A whole export, under an audit hook: nothing is unpickled, compiled or run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from convwise.model.modelfile import model_bytes
from convwise.model.trained import TrainedModel

# Each export is done twice: what is imported late is imported in the first round, which runs code.
# --to torch is left out: torch.export compiles what it writes itself from the graph's operators.
PROGRAM = """
import hashlib, json, sys
from pathlib import Path
from convwise.model.modelfile import load_model
from convwise.ship import keras_file, proof
from convwise.ship.export import SUFFIXES, export
from convwise.ship.web import engine
proof.SECONDS = 0.0
folder, photos = Path(sys.argv[1]), sys.argv[2]
parts = {engine.SCRIPT: b"script", engine.BINARY: b"binary"}
engine.SHA256 = {name: hashlib.sha256(part).hexdigest() for name, part in parts.items()}
engine.PACKED = folder
for name, part in parts.items():
    (folder / name).write_bytes(part)
events, watched = [], False
def hook(event, arguments):
    if watched and event.split(".")[0] in ("pickle", "exec", "compile", "marshal"):
        events.append(f"{event} {arguments!r:.200}")
sys.addaudithook(hook)
def everything(into):
    into.mkdir()
    model = load_model(folder / "model.safetensors")
    options = {"data": photos, "split": "all", "cache": False}
    export(model, "onnx", into / "plain.onnx", **options)
    export(model, "onnx", into / "resizing.onnx", resize_inside=True)
    export(model, "web", into / "web", **options)
    (into / "m.keras").write_bytes(keras_file.keras_bytes(model))
everything(folder / "first")
watched = True
everything(folder / "second")
watched = False
print(json.dumps(events))
"""


def test_an_export_unpickles_compiles_and_runs_nothing(
    model: TrainedModel, photos: Path, tmp_path: Path
) -> None:
    (tmp_path / "model.safetensors").write_bytes(model_bytes(model))
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path), str(photos)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-2_000:]
    assert json.loads(result.stdout.splitlines()[-1]) == []
