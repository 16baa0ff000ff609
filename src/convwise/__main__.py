"""``python -m convwise`` is ``convwise``."""

from convwise.cli.main import main

if __name__ == "__main__":
    main()
