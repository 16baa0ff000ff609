"""Get what a web page needs to run models in a browser, once.

    python -m convwise.ship.web.fetch [FOLDER]

Without a folder the files go to the user's cache, where ``convwise export --to web`` finds them.
"""

from __future__ import annotations

import sys
from pathlib import Path

from convwise.errors import ConvwiseError
from convwise.ship.web.engine import PACKAGE, VERSION, fetch_engine, kept


def main(arguments: list[str]) -> int:
    """Fetch the files and say where they are."""
    try:
        folder = fetch_engine(Path(arguments[0]) if arguments else kept())
    except (ConvwiseError, OSError) as error:
        print(f"convwise: {error}", file=sys.stderr)
        return getattr(error, "exit_code", 1)
    print(f"{PACKAGE} {VERSION} is in {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
