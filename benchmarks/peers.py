"""Environments of the peers: one virtual environment each, below a cache folder."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import sysconfig
from pathlib import Path


def default_folder() -> Path:
    """Return ``$XDG_CACHE_HOME/convwise-benchmarks``, or the same below ``~/.cache``."""
    stated = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (stated if stated.is_absolute() else Path.home() / ".cache") / "convwise-benchmarks"


def peer_python(name: str, requirements: Path, folder: Path, *, shares_torch: bool = False) -> Path:
    """Return the Python of a peer's environment, which is made if it is missing or outdated.

    Args:
        name: of the environment, a folder below ``folder``.
        requirements: a file for ``pip install -r`` with every version pinned.
        folder: where environments are kept between runs.
        shares_torch: whether packages that it lacks are taken from this environment.

    Raises:
        subprocess.CalledProcessError: the environment could not be made.
    """
    environment = folder / name
    python, stamp = environment / "bin" / "python", environment / ".installed"
    wanted = hashlib.sha256(requirements.read_bytes()).hexdigest()
    if python.exists() and stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return python
    print(f"installing {requirements.name} into {environment}", file=sys.stderr, flush=True)
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "-r", str(requirements)], check=True, stdout=sys.stderr)
    if shares_torch:
        own = next((environment / "lib").glob("python*/site-packages"))
        line = f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n"
        (own / "convwise-shared.pth").write_text(line, encoding="utf-8")
    stamp.write_text(wanted, encoding="utf-8")
    return python
