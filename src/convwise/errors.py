"""The one family of errors that convwise raises on purpose.

    ConvwiseError
    ├── RequestError        the request was wrong; exit code 2
    │   ├── OptionError         an option, a name or a configuration file
    │   ├── DesignError         a network that cannot be
    │   │   └── NotationError       text that is no network, with line and column
    │   ├── DataError           a data set that cannot be read or learnt from
    │   │   └── DecodeError         a file that cannot become pixels
    │   ├── ModelFileError      a model file that is damaged, foreign or inconsistent
    │   ├── CheckpointError     a checkpoint that is missing, damaged or of another training
    │   └── MissingExtraError   an optional dependency is not installed
    └── RunError            the request was right, the work failed; exit code 1
        ├── StorageError        a file could not be written completely
        └── TrainingError       training cannot go on (too little memory, say)
            └── DivergedError       the loss or a weight is no finite number

A message names the offender, then the context, then what to do next.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


class ConvwiseError(Exception):
    """Base of every error that convwise raises on purpose.

    Attributes:
        exit_code: what the command line exits with when this error ends a command.
    """

    exit_code = 1


class RequestError(ConvwiseError):
    """The request was wrong: nothing was started and nothing was written."""

    exit_code = 2


class OptionError(RequestError, ValueError):
    """An option, a name or a configuration file that cannot be used."""


class DesignError(RequestError, ValueError):
    """A network that cannot be built.

    Args:
        message: what went wrong, with its arithmetic.
        layer: name of the layer that cannot be, for example ``"pool3"``.
        fixes: changes that would repair the design.
    """

    def __init__(
        self, message: str, *, layer: str | None = None, fixes: Sequence[str] = ()
    ) -> None:
        self.layer = layer
        self.message = message
        self.fixes = tuple(fixes)
        head = f"{layer}: {message}" if layer else message
        super().__init__(f"{head}; {', or '.join(self.fixes)}" if self.fixes else head)


class NotationError(DesignError):
    """Text that is not a network.

    Args:
        message: what is wrong with the text.
        line: line in the text, counted from 1.
        column: column in that line, counted from 1.

    Attributes:
        source: what stands in that line, where it is known.
    """

    def __init__(self, message: str, *, line: int, column: int = 1) -> None:
        self.line = line
        self.column = column
        self.source: str | None = None
        super().__init__(f"line {line}, column {column}: {message}")
        self.message = message


class DataError(RequestError, ValueError):
    """A data set that cannot be found, read or learnt from."""


class DecodeError(DataError):
    """A file that cannot become pixels.

    Args:
        reason: why, in plain words and without the file's name.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class ModelFileError(RequestError, ValueError):
    """A model file that is damaged, of another kind, or at odds with itself."""


class CheckpointError(RequestError, ValueError):
    """A checkpoint that is missing, damaged, or of another training."""


class MissingExtraError(RequestError, ImportError):
    """An optional dependency is missing.

    Args:
        package: the module that could not be imported.
        extra: the extra of convwise that installs it.
    """

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(
            f"{package} is not installed; run: pip install 'convwise[{extra}]'", name=package
        )


class RunError(ConvwiseError):
    """The request was right, but the work could not be done."""


class StorageError(RunError, OSError):
    """A file could not be written completely; what stood there before still stands."""


class TrainingError(RunError):
    """Training cannot go on."""


class DivergedError(TrainingError):
    """The loss or a weight is no finite number.

    Args:
        reason: where, and what is none.
        advice: what to do next.
    """

    def __init__(self, reason: str, advice: str) -> None:
        self.reason = reason
        super().__init__(f"{reason}, so the weights have run away; {advice}")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `` — did you mean …?`` with the nearest known words, or an empty string.

    Example:
        >>> did_you_mean("lenett", ["lenet", "dense"])
        ' — did you mean lenet?'
    """
    near = difflib.get_close_matches(word.lower(), list(known), n=3, cutoff=0.6)
    return f" — did you mean {' or '.join(near)}?" if near else ""
