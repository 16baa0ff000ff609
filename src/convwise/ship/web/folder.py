"""``export --to web``: the page, the model as ONNX, and what runs it, in one folder."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import ClassVar

from convwise.model.trained import TrainedModel
from convwise.ship.formats import ExportFormat, Onnx
from convwise.ship.onnx_model import contract, onnx_bytes
from convwise.ship.proof import Exported
from convwise.ship.web.engine import BINARY, SCRIPT, VERSION, find_engine

MODEL = "model.onnx"
_README = """\
A classifier of images that runs in the visitor's browser.

Serve this folder from any static server, all files together:

    python -m http.server

No special headers are needed, and no picture is sent anywhere. The camera needs https or localhost.
The folder runtime/ is ONNX Runtime Web {version}, (c) Microsoft Corporation, MIT License.
"""
_LICENSE = """\
MIT License

Copyright (c) Microsoft Corporation

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and
associated documentation files (the "Software"), to deal in the Software without restriction,
including without limitation the rights to use, copy, modify, merge, publish, distribute,
sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or
substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT
NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND
NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM,
DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT
OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""


@dataclass(frozen=True)
class Web(ExportFormat):
    """A folder for any static server; its model is an ONNX file, tried in ONNX Runtime."""

    suffix: ClassVar[str] = ""

    def write(self, model: TrainedModel, path: Path) -> None:
        """Write the folder.

        Raises:
            OptionError: what runs models in a browser is not on this machine.
        """
        engine = find_engine()
        told = contract(model) | {
            "measured": dict(model.measured),
            "runtime": f"ONNX Runtime Web {VERSION}",
        }
        content = {
            MODEL: onnx_bytes(model),
            "model.json": json.dumps(told, indent=1, allow_nan=False).encode(),
            "README.txt": _README.format(version=VERSION).encode(),
            # Not every server knows that .mjs is JavaScript, and few pack a .wasm by themselves.
            f"runtime/{Path(SCRIPT).with_suffix('.js')}": engine[SCRIPT],
            f"runtime/{BINARY}.gz": gzip.compress(engine[BINARY], 6, mtime=0),
            "runtime/LICENSE": _LICENSE.encode(),
        }
        (path / "runtime").mkdir(parents=True)
        for each in files("convwise.ship.web").joinpath("page").iterdir():
            content[each.name] = each.read_bytes()
        for name, data in content.items():
            (path / name).write_bytes(data)

    def load(self, path: Path) -> Exported:
        """Load the folder's model into ONNX Runtime, the same code as in a browser."""
        return Onnx().load(path / MODEL)
