"""A table of the pictures that are fit to train on."""

from __future__ import annotations

import contextlib
import csv
import io
import os
import secrets
from pathlib import Path

from convwise.data.audit.findings import Audit
from convwise.data.dataset import Decoded
from convwise.data.files import FileSamples, Folder
from convwise.errors import OptionError, StorageError


def write_clean_table(decoded: Decoded, audit: Audit, path: Path) -> int:
    """Write a CSV table ``path,label,split`` of all pictures but the offenders.

    Left out are: what cannot be read; of equal pictures all but the first, which is one of the
    training split if there is one there; and every one of equal pictures with several labels.
    Paths are relative to the table's folder where they lie below it, else absolute. The file is
    UTF-8; bytes of a name that are none stand as they are.

    Args:
        decoded: what was read, from a folder.
        audit: what was found.
        path: the table, which must not exist yet.

    Returns:
        How many pictures it lists.

    Raises:
        OptionError: the pictures are no files of a folder, or ``path`` exists.
        StorageError: the table cannot be written.
    """
    samples = decoded.dataset.samples
    if not (isinstance(samples, FileSamples) and isinstance(samples.origin, Folder)):
        raise OptionError(
            f"{decoded.dataset.source}: a table can only name files, and these pictures lie in "
            "arrays or in an archive; extract them into a folder first"
        )
    refuse_existing(path)
    offenders = offending(audit)
    root, home = samples.origin.path.absolute(), path.parent.absolute()
    lines = io.StringIO(newline="")
    table = csv.writer(lines, lineterminator="\n")
    table.writerow(("path", "label", "split"))
    written = 0
    for split, store in decoded.stores.items():
        positions = decoded.places[split].tolist()
        for position, label in zip(positions, store.labels.tolist(), strict=True):
            if position not in offenders:
                place = _named_from(home, root / samples.paths[position])
                table.writerow((place, decoded.dataset.classes[label], split))
                written += 1
    _write_new(path, lines.getvalue().encode("utf-8", "surrogateescape"))
    return written


def offending(audit: Audit) -> set[int]:
    """Return the positions of the readable pictures that a clean table leaves out."""
    return {
        picture.position
        for duplicate in audit.duplicates
        for picture in duplicate.pictures[0 if duplicate.conflicts else 1 :]
    }


def refuse_existing(path: Path) -> None:
    """Check that a table can be written there.

    Raises:
        OptionError: something stands there, or its folder is missing.
    """
    if path.exists() or path.is_symlink():
        raise OptionError(f"{path} exists; files are never overwritten: choose another name")
    if not path.parent.is_dir():
        raise OptionError(f"{path.parent} is no folder; make it first, or choose another name")


def _named_from(home: Path, file: Path) -> str:
    # ".." is resolved without following links: a link may lead out of the folder it stands in.
    whole = Path(os.path.normpath(file))
    home = Path(os.path.normpath(home))
    return str(whole.relative_to(home) if whole.is_relative_to(home) else whole)


def _write_new(path: Path, content: bytes) -> None:
    aside = path.with_name(f".{path.name[:80]}.{secrets.token_hex(4)}")
    try:
        with aside.open("xb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        # Unlike a rename, a link never replaces what another process has put there meanwhile.
        os.link(aside, path)
    except FileExistsError:
        raise OptionError(
            f"{path} exists; files are never overwritten: choose another name"
        ) from None
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)
