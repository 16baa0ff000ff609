"""Logs as JSON lines on standard error."""

from __future__ import annotations

import datetime
import json
import logging
import sys
from typing import Any, TextIO

LOGGER = logging.getLogger("convwise.serve")


class JsonLines(logging.Formatter):
    """One JSON object a record: ``time``, ``level``, ``event``, and what else was told.

    Control characters are escaped, so that nothing a client sends makes a line of its own.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        moment = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
        line: dict[str, Any] = {
            "time": moment.isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        line |= getattr(record, "facts", {})
        if record.name != LOGGER.name:
            line["logger"] = record.name
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def log_to(stream: TextIO | None = None, level: int = logging.INFO) -> None:
    """Let everything that is logged in this process go to a stream, standard error by default."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    LOGGER.setLevel(level)
    # uvicorn tells of its own start and end, which is told here with more.
    logging.getLogger("uvicorn").setLevel(logging.ERROR)


def tell(event: str, level: int = logging.INFO, **facts: Any) -> None:
    """Log an event with facts."""
    if LOGGER.isEnabledFor(level):
        # Not by LOGGER.log: who called is not told, and finding it out takes time.
        record = LOGGER.makeRecord(
            LOGGER.name, level, "", 0, event, (), None, extra={"facts": facts}
        )
        LOGGER.handle(record)
