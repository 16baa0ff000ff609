"""From what people name a network by to the network."""

from __future__ import annotations

import json
from pathlib import Path

from convwise.design import zoo
from convwise.design.network import Network
from convwise.design.notation import words
from convwise.errors import OptionError, did_you_mean

MAX_FILE = 4_000_000
_SUFFIXES = (".json", ".txt", ".net")


def resolve_network(spec: str | Network | Path) -> Network:
    """Return the network that is meant.

    Args:
        spec: a network; the name of one that convwise knows; a path to a text or JSON file, as a
            Path or as text that holds a slash or ends in .txt, .net or .json; or convwise's
            notation.

    Raises:
        OptionError: the name is not known, or the file cannot be read.
        NotationError: the text is no network.
        DesignError: the JSON is no network, or a layer cannot be.

    Example:
        >>> resolve_network("flatten | dense classes").layers[0]
        Flatten()
    """
    if isinstance(spec, Network):
        return spec
    if isinstance(spec, Path):
        return _from_file(spec)
    if not isinstance(spec, str):
        raise OptionError(
            f"a network is a name, text, a path or a Network, not {type(spec).__name__}"
        )
    name = spec.strip()
    if name in zoo.names():
        return zoo.network(name)
    if _is_path(name):
        return _from_file(Path(name))
    if name.startswith("{"):
        return _from_json(name, "the text")
    if _is_name(name):
        near = did_you_mean(name[:60], (*zoo.names(), *words()))
        known = "" if near else f"; known are {', '.join(zoo.names())}, or write its layers"
        raise OptionError(f"{name[:60]!r} is no network that convwise knows{near}{known}")
    return Network.from_text(spec)


def _is_path(text: str) -> bool:
    one_line = "\n" not in text and "|" not in text and "#" not in text
    return one_line and ("/" in text or "\\" in text or text.endswith(_SUFFIXES))


def _is_name(text: str) -> bool:
    return len(text.split()) == 1 and not set(text) & set("|()#") and text not in words()


def _from_file(path: Path) -> Network:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE + 1)
        if len(content) > MAX_FILE:
            raise OptionError(
                f"{path}: more than {MAX_FILE:,} bytes is no network; give another file"
            )
        text = content.decode("utf-8-sig")
    except OSError as error:
        reason = error.strerror or str(error)
        raise OptionError(f"{path}: {reason}; give a file that holds a network") from None
    except ValueError as error:
        if isinstance(error, OptionError):
            raise
        raise OptionError(f"{path}: not UTF-8 text; give a file that holds a network") from None
    if path.suffix == ".json" or text.lstrip().startswith("{"):
        return _from_json(text, str(path))
    return Network.from_text(text)


def _from_json(text: str, where: str) -> Network:
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise OptionError(f"{where}: not JSON, {place}: {error.msg}") from None
    except (RecursionError, ValueError):
        raise OptionError(f"{where}: JSON nested too deep or with too long a number") from None
    return Network.from_dict(values)
