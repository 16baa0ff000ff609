"""Integrated gradients: the logit of a class, shared out over the pixels."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from convwise.data.batches import to_input
from convwise.design.memory import activation_memory
from convwise.design.plan import Plan
from convwise.errors import MissingExtraError
from convwise.evaluation.predict import MOST_BYTES, batch_size_for
from convwise.explain.attribution import Attribution
from convwise.explain.network import as_designed, differentiating
from convwise.explain.subject import Explained, Image, class_index, model_of, picture_of

STEPS = 32


@dataclass(frozen=True, eq=False)
class IntegratedGradients(Attribution):
    """An :class:`Attribution` whose values add up to what the picture changes.

    Args:
        gained: logit of the picture, less that of a picture of the mean colour alone.
    """

    gained: float


def integrated_gradients(
    classifier: Explained, image: Image, target: int | str | None = None, *, steps: int = STEPS
) -> IntegratedGradients:
    """Share out a class's logit over the pixels, by captum's integrated gradients.

    Gradients are averaged on the straight way from a picture of the mean colour to this one, and
    multiplied by what changes on it; channels are added up.

    Source: Sundararajan, Taly and Yan, Axiomatic attribution for deep networks (2017), section 3.

    Args:
        classifier: a fitted Classifier or a trained model.
        image: uint8, (height, width) or (height, width, channels) of any size; a path; or bytes.
        target: place or name of a class; None stands for the predicted one.
        steps: pictures on the way; more come closer to the integral.

    Raises:
        MissingExtraError: captum is not installed.
        OptionError: there is no such class.
        DataError: the image cannot be used.
    """
    method = _captum()
    model = model_of(classifier)
    picture = picture_of(model, image)
    network = as_designed(model.network)
    inputs = to_input(picture[np.newaxis], model.image_format)
    with differentiating():
        # The format scales the mean colour to 0.
        logits = network(torch.cat([inputs, torch.zeros_like(inputs)])).detach()
        chosen = int(logits[0].argmax()) if target is None else class_index(model, target)
        shares = method(network).attribute(
            inputs,
            torch.zeros_like(inputs),
            target=chosen,
            n_steps=steps,
            internal_batch_size=_batch_size(model.network.plan),
        )
    return IntegratedGradients(
        values=shares[0].detach().sum(dim=0).float().numpy(),
        target=chosen,
        label=model.classes[chosen],
        method="integrated gradients",
        picture=picture,
        gained=float(logits[0, chosen] - logits[1, chosen]),
    )


def _batch_size(plan: Plan) -> int:
    """Return how many pictures to differentiate at once: all that they leave is kept until then."""
    affordable = MOST_BYTES // activation_memory(plan).training
    return max(1, min(batch_size_for(plan), affordable))


def require_captum() -> None:
    """Check that integrated gradients can be computed here.

    Raises:
        MissingExtraError: captum is not installed.
    """
    if importlib.util.find_spec("captum") is None:
        raise MissingExtraError("captum", "explain")


def _captum() -> Any:
    try:
        from captum.attr import IntegratedGradients as Method
    except ImportError:
        raise MissingExtraError("captum", "explain") from None
    return Method
