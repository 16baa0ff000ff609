"""Every export, under an audit hook: nothing is unpickled, and convwise has no code run.

``--to torch`` is the one format whose library writes Python and runs it, as ``torch.export`` always
does. Each file of it that may is named in ``BY_TORCH``, with what it compiles: texts that torch
makes of the graph that it has just traced, or has just written and reads back to try it. convwise
reads no .pt2 file that a user brings. NNCF defines a class while it works (``BY_NNCF``). No format
may unpickle, or read marshalled code.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from convwise.model.modelfile import model_bytes
from convwise.model.trained import TrainedModel

BY_TORCH = {
    # A graph's forward as Python source.
    "torch/fx/graph_module.py",
    # A forward with the names of the program's own arguments.
    "torch/export/_unlift.py",
    # A function of as many named arguments as the network has tensors.
    "torch/fx/experimental/proxy_tensor.py",
    # The names of types that annotations of its own schema hold, such as "Argument".
    "torch/_export/serde/serialize.py",
    # A named tuple's constructor.
    "torch/export/exported_program.py",
    # What is known of the batch size, as expressions.
    "torch/fx/experimental/symbolic_shapes.py",
    "sympy/parsing/sympy_parser.py",
}

BY_NNCF = {
    # A dataclass that is defined within a function: Python writes its methods anew at each call.
    "nncf/common/quantization/quantizer_propagation/graph.py",
}

# Each export is done twice: what is imported late is imported in the first round, which runs code.
# An event belongs to the nearest file that is a library's or ours, and not Python's own.
PROGRAM = """
import hashlib, json, sys
from pathlib import Path
from convwise.model.modelfile import load_model
from convwise.ship import keras_file, proof
from convwise.ship.export import export, suffix_of
from convwise.ship.web import engine
proof.SECONDS, proof.BATCHES = 0.0, (1,)
folder, photos = Path(sys.argv[1]), sys.argv[2]
parts = {engine.SCRIPT: b"script", engine.BINARY: b"binary"}
engine.SHA256 = {name: hashlib.sha256(part).hexdigest() for name, part in parts.items()}
engine.PACKED = folder
for name, part in parts.items():
    (folder / name).write_bytes(part)
events, to = {}, None
def cause(frame):
    while frame is not None:
        name = frame.f_code.co_filename
        for root in ("/site-packages/", "/src/"):
            if root in name:
                return name.rpartition(root)[2]
        frame = frame.f_back
    return "?"
def hook(event, arguments):
    if to is not None and event.split(".")[0] in ("pickle", "exec", "compile", "marshal"):
        events[to].append([event, cause(sys._getframe(1)), f"{arguments!r:.150}"])
sys.addaudithook(hook)
model = load_model(folder / "model.safetensors")
data = {"data": photos, "split": "all", "cache": False}
exports = {
    "onnx": data,
    "resizing": {"to": "onnx", "resize_inside": True},
    "web": data,
    "int8": data | {"max_loss": 1.0},
    "openvino": data,
    "openvino_int8": data | {"to": "int8", "runtime": "openvino", "max_loss": 1.0},
    "torch": data,
}
for watched in (False, True):
    into = folder / str(watched)
    into.mkdir()
    for name, options in exports.items():
        kind = options.get("to", name)
        events[name], to = [], name if watched else None
        suffix = suffix_of(kind, options.get("runtime"))
        export(model, file=into / (name + suffix), **{"to": kind} | options)
    events["keras"], to = [], "keras" if watched else None
    (into / "m.keras").write_bytes(keras_file.keras_bytes(model))
    to = None
print(json.dumps(events))
"""

Event = tuple[str, str, str]


@pytest.fixture(scope="module")
def events(
    model: TrainedModel, photos: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[Event]]:
    """By format: each event with the file that caused it and what it was given."""
    folder = tmp_path_factory.mktemp("watched")
    (folder / "model.safetensors").write_bytes(model_bytes(model))
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder), str(photos)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-2_000:]
    told = json.loads(result.stdout.splitlines()[-1])
    return {to: [tuple(event) for event in found] for to, found in told.items()}


@pytest.mark.parametrize("to", ["onnx", "resizing", "web", "int8", "openvino", "keras"])
def test_an_export_unpickles_compiles_and_runs_nothing(
    events: dict[str, list[Event]], to: str
) -> None:
    assert events[to] == []


@pytest.mark.parametrize(("to", "by"), [("torch", BY_TORCH), ("openvino_int8", BY_NNCF)])
def test_a_library_runs_what_it_writes_itself_and_nothing_else(
    events: dict[str, list[Event]], to: str, by: set[str]
) -> None:
    assert {event for event, _, _ in events[to]} <= {"exec", "compile"}
    assert [each for each in events[to] if each[1] not in by] == []
    assert events[to], "the hook sees nothing"
