"""ONNX Runtime's WebAssembly build, which a web page needs: where its files are, how they come.

They are 14 MB and not ours, so the source tree does not carry them: ``python -m
convwise.ship.web.fetch`` gets them once, a wheel has them inside. Each is known by its SHA-256.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

from convwise.data.catalogue import cache_folder
from convwise.errors import OptionError, RunError

PACKAGE, VERSION = "onnxruntime-web", "1.30.0"
SCRIPT = "ort.wasm.bundle.min.mjs"
BINARY = "ort-wasm-simd-threaded.wasm"
# Of the builds in the package the smallest that has all operators: no WebGPU, no WebGL.
SHA256 = {
    SCRIPT: "11e64bd8ffe11bd1a2a2f0d6275fdfbbba7262f0b76b99b53d228a8a22ef3d90",
    BINARY: "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
}
PACKED = Path(__file__).with_name("vendored")
FETCH = "python -m convwise.ship.web.fetch"


def kept() -> Path:
    """Return the folder of the user's cache that the files are fetched into."""
    return cache_folder() / f"{PACKAGE}-{VERSION}"


def find_engine() -> dict[str, bytes]:
    """Return the files by name, from the package itself or from the user's cache.

    Raises:
        OptionError: they are not on this machine; says the command that gets them.
    """
    for folder in (PACKED, kept()):
        try:
            return {name: _known(name, (folder / name).read_bytes()) for name in SHA256}
        except (OSError, RunError):
            continue
    raise OptionError(
        f"{PACKAGE} {VERSION}, which runs models in a browser, is not on this machine; run: {FETCH}"
    )


def fetch_engine(folder: Path) -> Path:
    """Get the files from the npm package, by npm, into a folder; what stands there is replaced.

    Raises:
        OptionError: npm is not installed.
        RunError: the package could not be had, or holds other files than it should.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise OptionError("npm is not installed; install Node.js, which has it, and try again")
    with tempfile.TemporaryDirectory(prefix="convwise-npm-") as aside:
        command = [npm, "pack", f"{PACKAGE}@{VERSION}", "--silent", "--pack-destination", aside]
        done = subprocess.run(command, cwd=aside, capture_output=True, text=True, check=False)
        archives = sorted(Path(aside).glob("*.tgz"))
        if done.returncode or not archives:
            reason = done.stderr.strip()[-300:] or "it does not say why"
            raise RunError(f"npm could not get {PACKAGE} {VERSION}: {reason}")
        found = {name: _known(name, content) for name, content in _files(archives[0])}
    missing = SHA256.keys() - found.keys()
    if missing:
        raise RunError(f"{PACKAGE} {VERSION} from npm lacks {', '.join(sorted(missing))}")
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in found.items():
        (folder / name).write_bytes(content)
    return folder


def _files(archive: Path) -> Iterator[tuple[str, bytes]]:
    wanted = {f"package/dist/{name}": name for name in SHA256}
    with tarfile.open(archive) as file:
        for member in file:
            stream = file.extractfile(member) if member.name in wanted else None
            if stream is not None:
                yield wanted[member.name], stream.read()


def _known(name: str, content: bytes) -> bytes:
    if hashlib.sha256(content).hexdigest() != SHA256[name]:
        raise RunError(f"{name} is not that of {PACKAGE} {VERSION}: its SHA-256 is another")
    return content
