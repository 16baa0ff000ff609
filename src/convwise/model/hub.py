"""Models of the Hugging Face Hub: ``hub://owner/name``, or ``hub://owner/name@revision``.

One file of the repository is read, the model file, by its name. What else lies there is neither
fetched nor looked at.
"""

from __future__ import annotations

import os
import re
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

from convwise.errors import MissingExtraError, ModelFileError

PREFIX = "hub:/"
MOST_BYTES = 4 << 30
"""A larger model file is not fetched."""
REPOSITORY = re.compile(r"[\w][\w.-]*/[\w][\w.-]*")
# A path has lost the second of its two strokes.
_ADDRESS = re.compile(rf"hub://?({REPOSITORY.pattern})(?:@([\w][\w./-]*))?")


def is_address(path: str | Path) -> bool:
    """Return whether a model is asked for by its address.

    Example:
        >>> is_address("hub://ann/beetles"), is_address(Path("hub://ann/beetles@v2"))
        (True, True)
        >>> is_address("runs/beetles")
        False
    """
    return Path(path).as_posix().startswith(PREFIX)


def hub_library() -> ModuleType:
    """Import ``huggingface_hub``, which then tells the Hub no more than it must.

    Raises:
        MissingExtraError: it is not installed.
    """
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    try:
        import huggingface_hub
    except ImportError as error:
        raise MissingExtraError("huggingface_hub", "hub") from error
    return huggingface_hub


def endpoint() -> str | None:
    """Return the Hub that ``HF_ENDPOINT`` names; None for the public one."""
    return os.environ.get("HF_ENDPOINT") or None


def fetch_model(address: str | Path, file_name: str) -> Path:
    """Return the model file of a repository, from the library's cache or from the Hub.

    Args:
        address: ``hub://owner/name[@revision]``; a revision is a branch, a tag or a commit.
        file_name: of the one file that is fetched.

    Raises:
        MissingExtraError: ``huggingface_hub`` is not installed.
        ModelFileError: there is no such repository, revision or file, it may not be read, or it is
            larger than MOST_BYTES.
    """
    text = Path(address).as_posix()
    match = _ADDRESS.fullmatch(text)
    if match is None:
        raise ModelFileError(
            f"{address} is no address; write hub://owner/name or hub://owner/name@revision"
        )
    repository, revision = match.groups()
    hub = hub_library()
    shown = f"hub://{repository}" + (f"@{revision}" if revision else "")
    options: dict[str, Any] = {
        "endpoint": endpoint(),
        "library_name": "convwise",
        "library_version": version("convwise"),
    }
    try:
        facts = hub.hf_hub_download(
            repository, file_name, revision=revision, dry_run=True, **options
        )
        size = facts.file_size
        if size is None or size > MOST_BYTES:
            said = "of unknown size" if size is None else f"of {size:,} bytes"
            raise ModelFileError(
                f"{shown}: its {file_name} is {said}; at most {MOST_BYTES:,} are fetched"
            )
        # By its commit: what was looked at is what is fetched.
        file = hub.hf_hub_download(repository, file_name, revision=facts.commit_hash, **options)
    except ModelFileError:
        raise
    except Exception as error:  # of several libraries, whose errors share no type
        raise ModelFileError(
            f"{shown}: {_reason(error, repository, revision, file_name)}"
        ) from error
    return Path(file)


def _reason(error: Exception, repository: str, revision: str | None, file_name: str) -> str:
    from huggingface_hub import errors

    match error:
        case errors.GatedRepoError():
            return "its owner grants access; ask for it on the Hub, then run hf auth login"
        case errors.RepositoryNotFoundError():
            return "no such model is on the Hub, or it is private; for that run hf auth login"
        case errors.RevisionNotFoundError():
            return f"it has no revision {revision}"
        case errors.LocalEntryNotFoundError():
            return "the Hub does not answer, and no copy is on this machine"
        case errors.EntryNotFoundError():
            return f"it holds no {file_name}; convwise push writes one"
    return f"cannot be fetched ({' '.join(str(error).split())[:200] or type(error).__name__})"
