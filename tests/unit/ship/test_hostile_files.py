"""Files that were made to harm: each is refused with a clear error, at once and in little memory.

They are opened in one process of its own, whose memory is measured and whose audit hook notes every
event by which a file could have code run: unpickling, ``exec``, ``compile``, ``marshal``.
"""

from __future__ import annotations

import io
import json
import pickle
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from convwise.model.modelfile import model_bytes
from convwise.model.trained import TrainedModel
from convwise.ship.keras_file import keras_bytes
from convwise.ship.onnx_model import onnx_bytes

MEGABYTES, SECONDS = 400, 60
Change = Callable[[Any], object]


class Trap:
    """Unpickling it would be seen."""

    def __reduce__(self) -> tuple[object, ...]:
        return (exec, ("raise SystemExit('the trap has sprung')",))


def tensors(content: bytes, change: Change) -> bytes:
    length = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8 : 8 + length])
    change(header)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + content[8 + length :]


def facts(content: bytes, change: Change) -> bytes:
    def inner(header: Any) -> None:
        told = json.loads(header["__metadata__"]["convwise"])
        change(told)
        header["__metadata__"]["convwise"] = json.dumps(told)

    return tensors(content, inner)


def model_files(good: bytes) -> Iterator[tuple[str, bytes]]:
    name = "conv1.kernel"
    header_changes: dict[str, Change] = {
        "missing": lambda h: h.pop(name),
        "extra": lambda h: h.update(other=dict(h[name])),
        "shape": lambda h: h[name].update(shape=[2**40, 3, 3, 3]),
        "negative": lambda h: h[name].update(shape=[-1, 3, 3, 3]),
        "float64": lambda h: h[name].update(dtype="F64"),
        "type": lambda h: h[name].update(dtype="PICKLE"),
        "backward": lambda h: h[name].update(data_offsets=[9, 0]),
        "overlap": lambda h: h[name].update(data_offsets=h["conv2.kernel"]["data_offsets"]),
        "beyond": lambda h: h[name].update(data_offsets=[0, 2**60]),
        "no-metadata": lambda h: h.pop("__metadata__"),
        "deep": lambda h: h["__metadata__"].update(convwise="[" * 400_000),
        "number": lambda h: h["__metadata__"].update(convwise="9" * 400_000),
    }
    for label, change in header_changes.items():
        yield f"{label}.safetensors", tensors(good, change)
    deep: Any = {"layer": "Flatten"}
    for _ in range(80):
        deep = {"layer": "Repeat", "layers": [deep], "times": 2}
    layers = {"layers": [{"layer": "Dropout", "rate": 0.1}] * 12_000}
    repeated = {"layer": "Repeat", "times": 16_000, "layers": [{"layer": "Flatten"}]}
    fact_changes: dict[str, Change] = {
        "version": lambda f: f.update(format=99),
        "image-bomb": lambda f: f["image_format"].update(height=2**31, width=2**31),
        "filter-bomb": lambda f: f["network"]["layers"][0].update(filters=2**40),
        "padding-bomb": lambda f: f["network"]["layers"].insert(
            0, {"layer": "ZeroPadding2D", "padding": [[16_000] * 2] * 2}
        ),
        "repeat-bomb": lambda f: f["network"].update(layers=[repeated] * 50),
        "nested-blocks": lambda f: f["network"].update(layers=[deep]),
        "many-layers": lambda f: f["network"].update(layers),
        "code": lambda f: f["network"]["layers"][0].update(activation="os.system"),
        "import": lambda f: f["network"]["layers"][0].update(layer="builtins.exec"),
        "class-bomb": lambda f: f.update(classes=[str(n) for n in range(70_000)]),
        "temperature": lambda f: f.update(temperature=-1),
        "measured": lambda f: f.update(measured={"test_accuracy": float("nan")}),
    }
    for label, change in fact_changes.items():
        yield f"{label}.safetensors", facts(good, change)
    yield "header-bomb.safetensors", struct.pack("<Q", 2**63) + b"{}"
    yield "long-header.safetensors", struct.pack("<Q", 1_500_000) + b" " * 1_500_000
    yield "pickle.safetensors", pickle.dumps(Trap())
    yield "truncated.safetensors", good[: len(good) // 2]
    yield "nan.safetensors", good[:-4] + struct.pack("<f", float("nan"))
    yield "longer.safetensors", good + b"\0" * 64


def changed_onnx(good: bytes, change: Change) -> bytes:
    model = onnx.load_from_string(good)
    change(model)
    return bytes(model.SerializeToString())


def onnx_files(good: bytes) -> Iterator[tuple[str, bytes]]:
    def external(model: Any) -> None:
        tensor = model.graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="../../../../etc/passwd")

    def subgraph(model: Any) -> None:
        branch = helper.make_graph([helper.make_node("Identity", ["a"], ["b"])], "g", [], [])
        node = helper.make_node("If", ["c"], ["d"], then_branch=branch, else_branch=branch)
        model.graph.node.append(node)

    def hidden(model: Any) -> None:
        branch = helper.make_graph([helper.make_node("Identity", ["a"], ["b"])], "g", [], [])
        model.graph.node[0].attribute.append(helper.make_attribute("body", branch))

    def metadata(model: Any, value: str) -> None:
        del model.metadata_props[:]
        helper.set_model_props(model, {"convwise": value})

    def function(model: Any) -> None:
        node = helper.make_node("Identity", ["a"], ["b"])
        opset = [helper.make_opsetid("", 18)]
        model.functions.append(helper.make_function("evil", "F", ["a"], ["b"], [node], opset))

    changes: dict[str, Change] = {
        "external": external,
        "custom-domain": lambda m: setattr(m.graph.node[0], "domain", "evil"),
        "python-operator": lambda m: setattr(m.graph.node[0], "op_type", "PyOp"),
        "loop": lambda m: setattr(m.graph.node[0], "op_type", "Loop"),
        "subgraph": subgraph,
        "hidden-graph": hidden,
        "function": function,
        "training": lambda m: m.training_info.add(),
        "sparse": lambda m: m.graph.sparse_initializer.add(),
        "shape-bomb": lambda m: m.graph.initializer[0].dims.extend([2**40, 2**20]),
        "negative": lambda m: m.graph.initializer[0].dims.append(-1),
        "rank": lambda m: m.graph.initializer[0].dims.extend([1] * 50),
        "type": lambda m: setattr(m.graph.initializer[0], "data_type", 8),
        "short": lambda m: setattr(m.graph.initializer[0], "raw_data", b""),
        "empty": lambda m: m.graph.ClearField("node"),
        "nodes": lambda m: m.graph.node.extend([m.graph.node[0]] * 100_001),
        "output": lambda m: m.graph.ClearField("output"),
        "no-contract": lambda m: m.ClearField("metadata_props"),
        "deep-contract": lambda m: metadata(m, "[" * 200_000),
        "odd-contract": lambda m: metadata(m, '{"image_format": {"height": 1e9}, "classes": []}'),
    }
    for label, change in changes.items():
        yield f"{label}.onnx", changed_onnx(good, change)
    yield "pickle.onnx", pickle.dumps(Trap())
    yield "truncated.onnx", good[:-9]
    yield "nothing.onnx", b""


def archive(parts: dict[str, bytes], packing: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", packing) as file:
        for name, content in parts.items():
            file.writestr(name, content)
    return stream.getvalue()


def keras_files(good: bytes, folder: Path) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(good)) as file:
        parts = {name: file.read(name) for name in file.namelist()}

    def config(change: Change) -> bytes:
        told = json.loads(parts["config.json"])
        change(told)
        return archive(parts | {"config.json": json.dumps(told).encode()})

    def layer(told: Any, kind: str = "Conv2D") -> Any:
        return next(each for each in told["config"]["layers"] if each["class_name"] == kind)

    lambda_ = {
        "class_name": "Lambda",
        "config": {"name": "evil", "function": {"class_name": "__lambda__", "config": {}}},
    }
    custom = {"module": "os", "class_name": "system", "registered_name": "evil>system"}
    kernel = {"class_name": "function", "config": "os.system"}
    changes: dict[str, Change] = {
        "lambda": lambda c: layer(c).update(lambda_),
        "custom": lambda c: layer(c).update(custom),
        "class": lambda c: c.update(class_name="os.system"),
        "activation": lambda c: layer(c)["config"].update(activation=kernel),
        "argument": lambda c: layer(c)["config"].update(function="os.system"),
        "filter-bomb": lambda c: layer(c)["config"].update(filters=2**40),
        "shape": lambda c: layer(c)["config"].update(filters=7),
        "input-bomb": lambda c: layer(c, "InputLayer")["config"].update(
            batch_shape=[None, 10**9, 10**9, 3]
        ),
        "circle": lambda c: layer(c)["inbound_nodes"][0]["args"][0]["config"].update(
            keras_history=["probabilities", 0, 0]
        ),
        "nowhere": lambda c: layer(c)["inbound_nodes"][0]["args"][0]["config"].update(
            keras_history=["none", 0, 0]
        ),
        "outputs": lambda c: c["config"].update(output_layers=[["a", 0, 0], ["b", 0, 0]]),
        "no-layers": lambda c: c["config"].update(layers=[]),
        "many-layers": lambda c: c["config"].update(layers=[layer(c)] * 10_001),
        "doubled": lambda c: c["config"]["layers"].append(layer(c)),
    }
    for label, change in changes.items():
        yield f"{label}.keras", config(change)
    yield "deep.keras", archive(parts | {"config.json": b"[" * 1_000_000})
    yield "list.keras", archive(parts | {"config.json": b"[]"})
    bomb = archive({"config.json": b" " * 300_000_000}, zipfile.ZIP_DEFLATED)
    yield "zip-bomb.keras", bomb
    weights = parts | {"model.weights.h5": b"\0" * 200_000_000}
    yield "weights-bomb.keras", archive(weights, zipfile.ZIP_DEFLATED)
    yield "pickle-weights.keras", archive(parts | {"model.weights.h5": pickle.dumps(Trap())})
    yield "no-weights.keras", archive({"config.json": parts["config.json"]})
    yield "no-config.keras", archive({"model.weights.h5": parts["model.weights.h5"]})
    yield "packed.keras", archive(parts, zipfile.ZIP_LZMA)
    yield "pickle.keras", pickle.dumps(Trap())
    yield "truncated.keras", good[: len(good) // 2]
    yield from hdf5_files(parts, folder)


def hdf5_files(parts: dict[str, bytes], folder: Path) -> Iterator[tuple[str, bytes]]:
    path = "layers/conv2d/vars/0"

    def changed(change: Callable[[Any, Any], object]) -> bytes:
        stream = io.BytesIO(parts["model.weights.h5"])
        with h5py.File(stream, "r+") as file:
            values = file[path][()]
            del file[path]
            change(file, values)
        return archive(parts | {"model.weights.h5": stream.getvalue()})

    def virtual(file: Any, values: Any) -> None:
        layout = h5py.VirtualLayout(values.shape, "f4")
        layout[...] = h5py.VirtualSource("/etc/passwd", "x", values.shape)
        file.create_virtual_dataset(path, layout)

    def external(file: Any, values: Any) -> None:
        outside = [(str(folder / "outside.bin"), 0, values.nbytes)]
        file.create_dataset(path, values.shape, "f4", external=outside)

    def bomb(file: Any, values: Any) -> None:
        file.create_dataset(path, (2**20, 2**20, 3, 6), "f4", chunks=(1024, 1024, 1, 1))

    def link(target: Any) -> Callable[[Any, Any], None]:
        return lambda file, values: file.__setitem__(path, target)

    yield "soft-link.keras", changed(link(h5py.SoftLink("/layers")))
    yield "loop-link.keras", changed(link(h5py.SoftLink(f"/{path}")))
    yield "external-link.keras", changed(link(h5py.ExternalLink("/etc/passwd", "x")))
    yield "virtual.keras", changed(virtual)
    yield "external.keras", changed(external)
    yield "array-bomb.keras", changed(bomb)
    yield "text.keras", changed(lambda f, v: f.create_dataset(path, data=v.astype("S8")))
    yield "nan.keras", changed(lambda f, v: f.create_dataset(path, data=v * np.nan))
    yield "gone.keras", changed(lambda f, v: None)


PROGRAM = """
import codecs, json, resource, sys, time
from pathlib import Path
from convwise.model.modelfile import load_model
from convwise.errors import ConvwiseError
from convwise.ship.verify import verify
from convwise.ship.keras_import import import_keras
import h5py, onnx, numpy, onnxruntime
from convwise.evaluation.predict import predict_probabilities
from convwise.ship.keras_file import keras_bytes
from convwise.ship.onnx_model import onnx_bytes
codecs.lookup("ascii")  # which numpy looks up when a type of text is named
folder, good = map(Path, sys.argv[1:])
def use_good_files():
    model = load_model(good / "good.safetensors")
    predict_probabilities(model, numpy.zeros((2, *model.image_format.shape), numpy.uint8))
    import_keras(good / "good.keras")
    onnx_bytes(model)
    keras_bytes(model)
for name in ("good.safetensors", "good.onnx", "good.keras"):
    assert [each.problem for each in verify(good / name)] == [None], name
events, watched = [], False
def hook(event, arguments):
    if watched and event.split(".")[0] in ("pickle", "exec", "compile", "marshal"):
        events.append(event)
sys.addaudithook(hook)
use_good_files()  # what is imported late is imported now, which runs code of ours
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
found = {}
watched = True
for path in sorted(folder.iterdir()):
    start = time.perf_counter()
    try:
        problem = verify(path)[0].problem
    except ConvwiseError as error:
        problem = str(error)
    found[path.name] = [problem, time.perf_counter() - start]
use_good_files()
watched = False
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"found": found, "events": events, "megabytes": (after - before) / 1024}))
"""


@pytest.fixture(scope="module")
def outcome(model: TrainedModel, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder, good = (tmp_path_factory.mktemp(name) for name in ("hostile", "good"))
    (good / "outside.bin").write_bytes(b"\0" * 4_096)
    contents = {
        "good.safetensors": model_bytes(model),
        "good.onnx": onnx_bytes(model),
        "good.keras": keras_bytes(model),
    }
    for name, content in contents.items():
        (good / name).write_bytes(content)
    for files in (
        model_files(contents["good.safetensors"]),
        onnx_files(contents["good.onnx"]),
        keras_files(contents["good.keras"], good),
    ):
        for name, content in files:
            (folder / name).write_bytes(content)
    (folder / "link.safetensors").symlink_to("/dev/zero")
    (folder / "circle.onnx").symlink_to("circle.onnx")
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder), str(good)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-2_000:]
    found: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return found


def test_the_corpus_holds_more_than_sixty_files(outcome: dict[str, Any]) -> None:
    assert len(outcome["found"]) >= 60


def test_every_hostile_file_is_refused_in_one_clear_sentence(outcome: dict[str, Any]) -> None:
    accepted = [name for name, (problem, _) in outcome["found"].items() if problem is None]
    assert accepted == []
    for name, (problem, _) in outcome["found"].items():
        assert 10 < len(problem) < 900, name
        assert "\n" not in problem, name
        assert "Traceback" not in problem, name


def test_refusing_takes_little_memory_and_time(outcome: dict[str, Any]) -> None:
    assert outcome["megabytes"] < MEGABYTES
    assert max(seconds for _, seconds in outcome["found"].values()) < SECONDS


def test_nothing_is_unpickled_or_executed(outcome: dict[str, Any]) -> None:
    assert outcome["events"] == []
