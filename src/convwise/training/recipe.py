"""Recipe: every choice of a training run that is not the network."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from convwise.data.augment.limits import LARGEST, LARGEST_ALPHA
from convwise.errors import OptionError, did_you_mean

if TYPE_CHECKING:
    from convwise.data.augment.augmentation import Augmentation
    from convwise.data.augment.mixing import Mixing
    from convwise.training.computing import Precision

Balance = Literal["none", "weights", "sampling", "auto"]

# What some five minutes allow on two cores, without and with units for bf16.
SAMPLES_FOR_AUTO_EPOCHS = {"fp32": 660_000, "bf16": 1_500_000, "fp16": 1_500_000}
MIN_AUTO_EPOCHS = 12
MAX_AUTO_EPOCHS = 60
EPOCHS_FOR_SHIFT = 15
# From so many training images on, passes counted, a training is long: decision 23.
LONG_TRAINING = 1_600_000
SMOOTHING_OF_SHORT = 0.05
RATE_OF_LONG = 0.05
_DURATIONS = {"s": 1.0, "m": 60.0, "h": 3600.0}


class Recipe(BaseModel):
    """How a network is trained.

    Args:
        epochs: passes over the training images; None chooses between 12 and 60 so that about
            660,000 images are seen, or 1,500,000 in bf16 (see :meth:`epochs_for`).
        time_limit: seconds that training may take, validation between epochs included; the
            learning rate then ends when the time does. With ``epochs`` too, the earlier one ends.
        batch_size: images in a step.
        optimizer: ``muon``, ``sgd`` (Nesterov momentum) or ``adamw``; ``auto`` takes Muon for a
            network with batch normalisation and AdamW for any other.
        learning_rate: the highest one; None stands for the optimizer's default, for Muon 0.1, and
            0.05 where training is long (:meth:`is_long`).
        momentum: of SGD, also where Muon leaves a weight to it; the first beta of AdamW.
        weight_decay: of kernels only; biases and normalisation are left alone. None stands for
            the optimizer's default.
        warmup: share of training in which the learning rate rises from near 0.
        label_smoothing: probability mass spread over all classes (Szegedy et al. 2015, section 7);
            None takes 0.05, and 0 where Muon trains long.
        shift: training images move by up to so many pixels, each way; None takes 1 for trainings
            of at least 15 epochs and 0 for shorter ones, which have no time to learn it.
        flip: training images are mirrored left to right.
        alternating_flip: each in every second epoch; else one in two at random.
        rotate: training images are turned by up to so many degrees, either way.
        scale: they are enlarged or reduced by up to this; 0.2 is from 1/1.2 to 1.2.
        crop: up to this share of each side is cut off, and the rest enlarged.
        brightness: all levels change by up to this share of 255.
        contrast: it changes by up to this; 0.2 is from 0.8 to 1.2 times.
        erase: a rectangle of up to this share of the area is covered, in one of two images. What
            these seven do in detail: :class:`convwise.data.augment.augmentation.Augmentation`.
        mixup: each training image is blended with another, by shares from a Beta distribution with
            both parameters this; 0 leaves it out.
        cutmix: a rectangle of each comes from another, likewise. With ``mixup`` too, each image
            draws one of both. See :class:`convwise.data.augment.mixing.Mixing`.
        prune_easy: share of the easy images that an epoch leaves out, in turns, with the others
            counted for them (:class:`convwise.training.pruning.Pruning`); 0 leaves out none. Not
            done where images are mixed: there is no telling which of two was easy.
        balance: what is done where classes differ in size. ``weights`` lets an image count more in
            the loss the rarer its class is, ``sampling`` draws all classes equally often; both make
            all classes count alike, at the price of some accuracy where the test images are as
            unequal. ``auto`` takes weights where the largest class has at least 1.5 times as many
            images as the smallest (:class:`convwise.training.balance.ClassSizes`).
        ema: the model gets an average of the weights over the last steps, of which each step keeps
            this share (:class:`convwise.training.averaging.WeightAverage`); so do the figures of
            each epoch. 0 keeps the last weights, which a learning rate that ends at 0 has settled
            already.
        sync_norm: with several processes, batch normalisation takes the statistics of the whole
            batch, as one process would, and not of each process's part; a message more for each
            layer and direction.
        patience: training stops when the validation loss has not been lower for so many epochs, and
            the model has the weights of the epoch in which it was lowest; None trains to the end of
            the schedule, where the learning rate is 0, and takes the last weights.

    Example:
        >>> Recipe(epochs=3).epochs_for(54_000)
        3
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)

    epochs: int | None = Field(None, ge=1, le=100_000)
    time_limit: float | None = Field(None, gt=0, le=30 * 86_400)
    batch_size: int = Field(128, ge=1, le=65_536)
    optimizer: Literal["auto", "muon", "sgd", "adamw"] = "auto"
    learning_rate: float | None = Field(None, gt=0, le=100)
    momentum: float = Field(0.9, ge=0, lt=1)
    weight_decay: float | None = Field(None, ge=0, le=10)
    warmup: float = Field(0.2, ge=0, lt=1)
    label_smoothing: float | None = Field(None, ge=0, lt=1)
    shift: int | None = Field(None, ge=0, le=64)
    flip: bool = True
    alternating_flip: bool = True
    rotate: float = Field(0.0, ge=0, le=LARGEST["rotate"])
    scale: float = Field(0.0, ge=0, le=LARGEST["scale"])
    crop: float = Field(0.0, ge=0, le=LARGEST["crop"])
    brightness: float = Field(0.0, ge=0, le=LARGEST["brightness"])
    contrast: float = Field(0.0, ge=0, le=LARGEST["contrast"])
    erase: float = Field(0.0, ge=0, le=LARGEST["erase"])
    mixup: float = Field(0.0, ge=0, le=LARGEST_ALPHA)
    cutmix: float = Field(0.0, ge=0, le=LARGEST_ALPHA)
    prune_easy: float = Field(0.5, ge=0, le=0.9)
    balance: Balance = "none"
    ema: float = Field(0.0, ge=0, lt=1)
    sync_norm: bool = False
    patience: int | None = Field(None, ge=1, le=100_000)

    def epochs_for(self, images: int, precision: Precision = "fp32") -> int | None:
        """Return the number of epochs for a training split, or None where only the clock counts.

        Args:
            images: of the training split.
            precision: that training computes in; where bf16 has won the race, there is time for
                more than twice as many epochs.
        """
        if self.epochs is not None or self.time_limit is not None:
            return self.epochs
        wanted = math.ceil(SAMPLES_FOR_AUTO_EPOCHS[precision] / max(images, 1))
        return min(max(wanted, MIN_AUTO_EPOCHS), MAX_AUTO_EPOCHS)

    def shift_for(self, epochs: float) -> int:
        """Return the largest shift for a training of about so many epochs."""
        if self.shift is not None:
            return self.shift
        return int(epochs >= EPOCHS_FOR_SHIFT)

    def is_long(self, images: float) -> bool:
        """Return whether a training that sees so many images, passes counted, is a long one.

        Example:
            >>> Recipe().is_long(36 * 54_000)
            True
        """
        return images >= LONG_TRAINING

    def decided_by_length(self, images: float) -> dict[str, Any]:
        """Return the highest learning rate and the label smoothing where they were left open.

        Args:
            images: that training will see, passes counted.

        Example:
            >>> Recipe(optimizer="muon").decided_by_length(1_944_000)
            {'learning_rate': 0.05, 'label_smoothing': 0.0}
            >>> Recipe(optimizer="muon", label_smoothing=0.1).decided_by_length(6_000)
            {}
        """
        calm = self.optimizer == "muon" and self.is_long(images)
        chosen: dict[str, Any] = {}
        if self.learning_rate is None and calm:
            chosen["learning_rate"] = RATE_OF_LONG
        if self.label_smoothing is None:
            chosen["label_smoothing"] = 0.0 if calm else SMOOTHING_OF_SHORT
        return chosen

    @property
    def smoothing(self) -> float:
        """The label smoothing; while it is left open, that of a short training."""
        return SMOOTHING_OF_SHORT if self.label_smoothing is None else self.label_smoothing

    @property
    def augmentation(self) -> Augmentation:
        """The random changes of training images; a shift that is still to be chosen is 0."""
        # Here, as numpy takes long to import, and a recipe is read before --help answers.
        from convwise.data.augment.augmentation import Augmentation

        names = [field.name for field in dataclasses.fields(Augmentation)]
        values = {name: getattr(self, name) for name in names}
        return Augmentation(**values | {"shift": self.shift or 0})

    @property
    def mixing(self) -> Mixing:
        """How training images are mixed; it is false if they are not."""
        from convwise.data.augment.mixing import Mixing

        return Mixing(self.mixup, self.cutmix)

    @property
    def peak_learning_rate(self) -> float:
        """The highest learning rate: as asked or decided, else 0.002 for AdamW, 0.1 for others."""
        if self.learning_rate is not None:
            return self.learning_rate
        return 0.002 if self.optimizer == "adamw" else 0.1

    @property
    def kernel_decay(self) -> float:
        """Weight decay of kernels: as asked, or 0.05 for AdamW and 0.0005 for the others."""
        if self.weight_decay is not None:
            return self.weight_decay
        return 0.05 if self.optimizer == "adamw" else 0.0005

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Recipe:
        """Make a recipe from names and values, for example from a TOML file.

        Raises:
            OptionError: a name is unknown or a value out of range.
        """
        for name in values:
            if name not in cls.model_fields:
                raise OptionError(
                    f"{name!r} is no setting of a recipe{did_you_mean(name, cls.model_fields)};"
                    f" known are {', '.join(cls.model_fields)}"
                )
        try:
            return cls(**values)
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(part) for part in first["loc"])
            raise OptionError(f"{field} = {first['input']!r}: {first['msg'].lower()}") from None


def parse_duration(text: str) -> float:
    """Return seconds from ``90``, ``90s``, ``5m`` or ``1.5h``.

    Raises:
        OptionError: the text is no positive duration.

    Example:
        >>> parse_duration("1.5m")
        90.0
    """
    number, unit = (text[:-1], text[-1]) if text[-1:] in _DURATIONS else (text, "s")
    try:
        seconds = float(number) * _DURATIONS[unit]
    except ValueError:
        seconds = math.nan
    if not (math.isfinite(seconds) and seconds > 0):
        raise OptionError(f"duration {text!r}: write for example 60s, 5m or 1.5h")
    return seconds
