"""Write Fashion-MNIST as class folders, the layout that most people's own pictures have.

    python examples/export_fashion_mnist.py OUT_FOLDER [--data fashion-mini]

`convwise train OUT_FOLDER` then sees exactly the pixels that `convwise train fashion-mnist` sees.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from convwise.data import load_data
from convwise.data.export import write_class_folders


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, help="a folder that does not exist yet")
    parser.add_argument("--data", default="fashion-mnist", help="fashion-mnist or fashion-mini")
    parser.add_argument("--data-dir", type=Path, help="where the Fashion-MNIST files are")
    arguments = parser.parse_args()
    decoded = load_data(arguments.data, data_dir=arguments.data_dir).decode()
    write_class_folders(decoded, arguments.out)
    pictures = sum(len(store) for store in decoded.stores.values())
    print(f"{arguments.out}: {pictures} pictures of {len(decoded.dataset.classes)} classes")


if __name__ == "__main__":
    main()
