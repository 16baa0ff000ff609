"""Make the files of fashion-mini: the first pictures of each class of Fashion-MNIST.

    python examples/make_fashion_mini.py FASHION_MNIST_FOLDER OUT_FOLDER

Takes the first 1,000 training and the first 200 test pictures of each class, in official order,
and writes them as gzip IDX files. The same input gives the same content.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convwise.data.arrays import read_idx
from convwise.data.catalogue import FASHION_MNIST, IdxFile

PER_CLASS = {"train": 1_000, "test": 200}


def idx_bytes(values: NDArray[np.uint8]) -> bytes:
    head = struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape)
    return head + values.tobytes()


def read(folder: Path, file: IdxFile, dimensions: int) -> NDArray[np.uint8]:
    plain = folder / file.name
    path = plain if plain.exists() else folder / f"{file.name}.gz"
    return read_idx(path, dimensions=dimensions, sha256=file.sha256)


def first_of_each_class(labels: NDArray[np.uint8], count: int) -> NDArray[np.int64]:
    places = [np.flatnonzero(labels == label)[:count] for label in np.unique(labels)]
    return np.sort(np.concatenate(places))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path, help="folder with the four Fashion-MNIST files")
    parser.add_argument("out", type=Path, help="folder to write to")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for split, (pictures, classes) in FASHION_MNIST.splits.items():
        labels = read(arguments.source, classes, 1)
        images = read(arguments.source, pictures, 3)
        chosen = first_of_each_class(labels, PER_CLASS[split])
        for kind, values in (("images", images[chosen]), ("labels", labels[chosen])):
            content = idx_bytes(values)
            path = arguments.out / f"fashion-mini-{split}-{kind}.gz"
            path.write_bytes(gzip.compress(content, compresslevel=9, mtime=0))
            print(f"{path.name}  {hashlib.sha256(content).hexdigest()}")


if __name__ == "__main__":
    main()
