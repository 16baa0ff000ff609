"""``convwise doctor``."""

from __future__ import annotations

import importlib.util
from typing import Annotated, Any

from cyclopts import Parameter
from rich.table import Table

from convwise.cli.output import answers, print_json
from convwise.data.catalogue import FASHION_MNIST, locate
from convwise.errors import OptionError
from convwise.ship.web.engine import find_engine
from convwise.training.device import find_device
from convwise.training.machine import machine_facts, package_versions

EXTRAS = {
    "export": ("onnx", "onnxscript", "onnxruntime"),
    "openvino": ("openvino", "nncf"),
    "explain": ("captum",),
    "keras": ("h5py",),
    "hub": ("datasets", "huggingface_hub"),
    "cluster": ("ray", "joblib"),
    "track": ("tensorboard",),
    "quality": ("imagehash",),
}


def doctor(
    *,
    json: Annotated[bool, Parameter(show_default=False, help="Print one JSON document.")] = False,
) -> int:
    """Tell what is here and what is missing; exit 1 when something that is needed is missing."""
    facts = _facts()
    if json:
        print_json(facts, indent=2)
    else:
        _show(facts)
    return 0 if facts["ready"] else 1


def _facts() -> dict[str, Any]:
    versions = package_versions()
    found = locate(FASHION_MNIST)
    extras = {
        extra: [name for name in names if importlib.util.find_spec(name) is None]
        for extra, names in EXTRAS.items()
    }
    return {
        "ready": "not installed" not in versions.values(),
        "machine": machine_facts(),
        "device": _device(),
        "versions": versions,
        "missing": {extra: names for extra, names in extras.items() if names},
        "fashion_mnist": str(next(iter(found.values())).parent) if found else None,
        "web": _what_web_lacks(),
    }


def _device() -> dict[str, str | None]:
    """Return what ``train`` computes on unless told otherwise."""
    device = find_device()
    return {"kind": device.kind, "gpu": device.product}


def _what_web_lacks() -> str | None:
    try:
        find_engine()
    except OptionError as error:
        return str(error)
    return None


def _show(facts: dict[str, Any]) -> None:
    console = answers()
    machine = facts["machine"]
    console.print(
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']} GB,"
        f" {machine['system']}",
        soft_wrap=True,
    )
    gpu = facts["device"]["gpu"]
    told = f"{facts['device']['kind']}: {gpu}" if gpu else "the processor; torch finds no GPU"
    console.print(f"train computes on {told}", soft_wrap=True)
    table = Table(box=None, pad_edge=False, show_header=False)
    for package, version in facts["versions"].items():
        table.add_row("ok" if version != "not installed" else "MISSING", package, version)
    console.print(table)
    if facts["fashion_mnist"]:
        console.print(f"fashion-mnist is in {facts['fashion_mnist']}", soft_wrap=True)
    else:
        console.print(
            "fashion-mnist is not on this machine: apt install dataset-fashion-mnist,"
            " or convwise train fashion-mnist --download",
            soft_wrap=True,
        )
    for extra, names in facts["missing"].items():
        console.print(
            f"optional: {', '.join(names)} missing; pip install 'convwise[{extra}]'",
            soft_wrap=True,
            markup=False,
        )
    if facts["web"]:
        console.print(f"optional, for export --to web: {facts['web']}", soft_wrap=True)
    console.print("ready" if facts["ready"] else "not ready: pip install convwise")
