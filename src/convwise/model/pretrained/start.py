"""Start: the network and weights that a training begins with, wherever they come from."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from convwise.data.dataset import Dataset, Decoded
from convwise.design import zoo
from convwise.design.network import Network
from convwise.design.resolve import resolve_network
from convwise.errors import ModelFileError, OptionError, did_you_mean
from convwise.image import ImageFormat
from convwise.model.head import with_new_head
from convwise.model.modelfile import FILE_NAME, load_model
from convwise.model.pretrained import efficientnet_lite0
from convwise.model.torchvision_names import from_torchvision, supported
from convwise.model.weights import weights_of

# What torchvision's training scales with, and this is what its weights expect.
TORCHVISION_MEAN = (0.485, 0.456, 0.406)
TORCHVISION_STD = (0.229, 0.224, 0.225)
_BIGGEST = 4_000_000_000


@dataclass(frozen=True)
class Start:
    """A trained network to go on from.

    Args:
        name: a name of the zoo, or of the model.
        network: the network, its head still that of the old classes.
        image_format: what the weights expect.
        weights: name → tensor, the head's among them.
        source: what was asked for.
        file: what the weights were read from.
        sha256: of that file.
    """

    name: str
    network: Network
    image_format: ImageFormat
    weights: Mapping[str, Tensor]
    source: str
    file: str
    sha256: str

    def redesign(self, asked: str | Path | Network | None = None) -> Network:
        """Return the network with a new head.

        Args:
            asked: a network that was asked for besides; it must be this one.

        Raises:
            OptionError: it is another one.
        """
        if asked is None or resolve_network(asked) == self.network:
            return with_new_head(self.network)
        name = "another network" if isinstance(asked, Network) else f"the network {asked}"
        raise OptionError(
            f"--network: {name} is not {self.name}, whose weights --from {self.source} brings;"
            " leave --network out, or train without --from"
        )

    def prepare(self, data: Dataset | Decoded, asked: Mapping[str, Any]) -> Dataset | Decoded:
        """Return the data set in the image format of the weights.

        Args:
            data: pictures that are decoded already keep their size; only their scaling changes.
            asked: ``image_size`` and ``resize`` win over those of the weights.

        Raises:
            OptionError: pictures that are decoded have other channels than the weights expect.
        """
        kept = self.image_format
        if isinstance(data, Decoded):
            given = data.dataset.format
            self._require_channels(given.channels)
            image_format = dataclasses.replace(given, mean=kept.mean, std=kept.std)
            return dataclasses.replace(
                data, dataset=dataclasses.replace(data.dataset, format=image_format)
            )
        side, resize = asked.get("image_size"), asked.get("resize")
        image_format = dataclasses.replace(
            kept,
            height=side or kept.height,
            width=side or kept.width,
            resize=resize or kept.resize,
        )
        return dataclasses.replace(data, format=image_format)

    def _require_channels(self, given: int) -> None:
        wanted = self.image_format.channels
        if given != wanted:
            raise OptionError(
                f"--from {self.source} takes images of {wanted} channels, these have {given};"
                " let convwise read the files, or give the images so many channels"
            )

    def facts(self) -> dict[str, Any]:
        """Return what ``run.json`` tells about it."""
        return {
            "name": self.name,
            "source": self.source,
            "file": self.file,
            "sha256": self.sha256,
        }


def requested_start(
    start_from: str | Path | None, weights: str | Path | None = None
) -> Start | None:
    """Return what a training is to begin with, or None where it is to begin from scratch.

    Raises:
        OptionError: there are weights without the name of their network; or as
            :func:`load_start`.
    """
    if start_from is not None:
        return load_start(start_from, weights)
    if weights is not None:
        raise OptionError(
            "--weights needs --from and the name of their network, for example --from resnet50"
        )
    return None


def load_start(start_from: str | Path, weights: str | Path | None = None) -> Start:
    """Read the weights that a training is to begin with.

    Args:
        start_from: ``efficientnet-lite0``, whose released weights the extra ``pretrained``
            installs; another name of the zoo, with ``weights``; a model file; or a run folder.
        weights: a safetensors file with torchvision's names for the network of that name.

    Raises:
        OptionError: the two do not go together.
        ModelFileError: a file is missing, damaged, or does not fit its network.
        MissingExtraError: the package of the weights is not installed.
    """
    name = str(start_from)
    if name == efficientnet_lite0.NAME:
        if weights is not None:
            raise OptionError(f"--weights: those of {name} are the package's; leave it out")
        return _released()
    if name in zoo.names():
        if weights is None:
            raise OptionError(
                f"--from {name}: convwise has no weights for it; give --weights"
                f" {name}.safetensors with torchvision's names, or --from"
                f" {efficientnet_lite0.NAME}"
            )
        return _of_torchvision(name, Path(weights))
    if weights is not None:
        raise OptionError(
            f"--weights goes with the name of a network, not with --from {name};"
            f" names are {', '.join(supported())}"
        )
    return _of_model(name)


def _released() -> Start:
    entry = zoo.entry(efficientnet_lite0.NAME)
    return Start(
        entry.name,
        entry.network,
        efficientnet_lite0.FORMAT,
        efficientnet_lite0.released_weights(),
        entry.name,
        f"{efficientnet_lite0.PACKAGE} {efficientnet_lite0.VERSION}: {efficientnet_lite0.FILE}",
        efficientnet_lite0.SHA256,
    )


def _of_torchvision(name: str, file: Path) -> Start:
    if name not in supported():
        raise OptionError(
            f"--from {name}: torchvision has no such network; use {', '.join(supported())}"
        )
    content = _content(file)
    try:
        state = load(content)
    except (SafetensorError, ValueError) as error:
        raise ModelFileError(
            f"{file} is no whole safetensors file ({error}); torch's own files (.pth, .pt) are"
            " pickles, which are not opened: save the state dict by safetensors.torch.save_file"
        ) from None
    entry = zoo.entry(name)
    height, width, channels = entry.image
    image_format = ImageFormat(
        height, width, channels, "crop", mean=TORCHVISION_MEAN, std=TORCHVISION_STD
    )
    try:
        found = {key: value.float() for key, value in from_torchvision(name, state).items()}
        _require_finite(found)
    except ModelFileError as error:
        raise ModelFileError(f"{file}: {error}") from None
    digest = hashlib.sha256(content).hexdigest()
    return Start(name, entry.network, image_format, found, name, str(file), digest)


def _of_model(source: str) -> Start:
    path = Path(source)
    if not path.exists():
        raise ModelFileError(
            f"--from {source}: no file, no run folder and no network with weights"
            f"{did_you_mean(source, zoo.names())}; give a run folder, a {FILE_NAME}, or"
            f" {efficientnet_lite0.NAME}"
        )
    model = load_model(path)
    file = path / FILE_NAME if path.is_dir() else path
    return Start(
        # The name becomes part of a folder's; a file may hold any text.
        re.sub(r"[^\w.-]+", "-", model.name)[:60].strip(".-") or "network",
        model.network.plan.network,
        model.image_format,
        weights_of(model.network),
        source,
        str(file),
        hashlib.sha256(_content(file)).hexdigest(),
    )


def _content(file: Path) -> bytes:
    try:
        if file.stat().st_size > _BIGGEST:
            raise ModelFileError(f"{file} is larger than any weights that are read here")
        return file.read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        raise ModelFileError(f"{file} cannot be read ({reason}); give a safetensors file") from None


def _require_finite(weights: Mapping[str, Tensor]) -> None:
    for name, value in weights.items():
        if not value.isfinite().all():
            raise ModelFileError(f"tensor {name} holds values that are no numbers")
