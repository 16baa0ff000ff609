"""A model and its card to the Hugging Face Hub, through ``huggingface_hub``."""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convwise.errors import OptionError, RunError
from convwise.model.hub import REPOSITORY, endpoint, hub_library
from convwise.model.modelfile import FILE_NAME
from convwise.ship.card import model_card

CARD = "README.md"


@dataclass(frozen=True)
class Push:
    """What was sent, or would be.

    Args:
        repository: ``owner/name``.
        files: name → (bytes, SHA-256).
        commit: address of the commit; None where nothing was sent.
        kept_card: the repository has a card, which was left as it is.
    """

    repository: str
    files: dict[str, tuple[int, str]]
    commit: str | None = None
    kept_card: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "repository": self.repository,
            "files": [
                {"name": name, "bytes": size, "sha256": digest}
                for name, (size, digest) in self.files.items()
            ],
            "commit": self.commit,
            "kept_card": self.kept_card,
        }


def push(
    path: str | Path,
    repository: str,
    *,
    public: bool = False,
    replace_card: bool = False,
    dry_run: bool = False,
) -> Push:
    """Send a model file and its card to a repository, which is made if there is none.

    The token is that of ``hf auth login``, or ``HF_TOKEN``.

    Args:
        path: a run folder or a model file; it is opened first, and nothing is sent if it cannot be.
        repository: ``owner/name``.
        public: let everybody see a repository that is made; one that exists stays as it is.
        replace_card: write over the card of a repository that has one.
        dry_run: send nothing and ask nothing of the network.

    Raises:
        OptionError: the name is none, or the Hub wants a token that may write there.
        ModelFileError: the model cannot be opened.
        MissingExtraError: ``huggingface_hub`` is not installed.
        RunError: the Hub did not take it.
    """
    if not REPOSITORY.fullmatch(repository):
        raise OptionError(f"{repository!r} is no repository; write owner/name")
    path = Path(path)
    card = model_card(path, f"hub://{repository}").encode("utf-8", "backslashreplace")
    file = path / FILE_NAME if path.is_dir() else path
    contents = {FILE_NAME: file.read_bytes(), CARD: card}
    files = {
        name: (len(content), hashlib.sha256(content).hexdigest())
        for name, content in contents.items()
    }
    if dry_run:
        return Push(repository, files)
    api = hub_library().HfApi(endpoint=endpoint(), library_name="convwise")
    try:
        api.create_repo(repository, private=not public, exist_ok=True)
        kept = not replace_card and api.file_exists(repository, CARD)
        if kept:
            del contents[CARD], files[CARD]
        with tempfile.TemporaryDirectory(prefix="convwise-push-") as folder:
            for name, content in contents.items():
                (Path(folder) / name).write_bytes(content)
            done = api.upload_folder(
                repo_id=repository,
                folder_path=folder,
                commit_message=f"convwise: {', '.join(contents)}",
            )
    except Exception as error:  # of several libraries, whose errors share no type
        raise _told(error, repository) from error
    return Push(repository, files, str(done.commit_url), kept)


def _told(error: Exception, repository: str) -> OptionError | RunError:
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status in (401, 403) or type(error).__name__ == "LocalTokenNotFoundError":
        return OptionError(
            f"{repository}: the Hub wants a token that may write there; run hf auth login"
        )
    reason = " ".join(str(error).split())[:300] or type(error).__name__
    return RunError(f"{repository}: the Hub did not take the model ({reason})")
