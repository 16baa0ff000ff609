"""What the server answers, as its OpenAPI tells it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Explanation(_Answer):
    """Where the network looked: the Grad-CAM map of the most probable class, or why there is none.

    ``png`` is a grey picture of the model's size in base64, 255 where most speaks for the class.
    """

    label: str | None = None
    layer: str | None = None
    height: int | None = None
    width: int | None = None
    png: str | None = None
    error: str | None = None


class Prediction(_Answer):
    """The answer for one image, or ``error``: why there is none."""

    file: str | None = Field(description="The file's name, if one was sent.")
    label: str | None = Field(None, description="The most probable class.")
    probability: float | None = Field(None, ge=0, le=1)
    probabilities: dict[str, float] | None = Field(
        None, description="The most probable classes, as many as `top` says."
    )
    explanation: Explanation | None = Field(None, description="With `explain=grad_cam`.")
    error: str | None = Field(None, description="Why this image has no answer.")


class Predictions(_Answer):
    """Answers in the order of the images."""

    model: str
    version: str = Field(description="First digits of the SHA-256 of the model's file.")
    predictions: list[Prediction]


class Problem(_Answer):
    """Why a request has no answer, and what to do."""

    error: str


class State(_Answer):
    """Whether a server lives, or is ready."""

    status: str
    reason: str | None = None


class Format(_Answer):
    """How a picture becomes the network's input; see convwise's ImageFormat."""

    height: int
    width: int
    channels: int
    resize: str
    mean: list[float]
    std: list[float]
    pad_value: int
    alpha_background: int


class ModelFacts(_Answer):
    """A model that is served."""

    name: str
    version: str
    network: str
    classes: list[str]
    image_format: Format
    runtime: str
    test_accuracy: float | None
    test_images: int | None
    card: str = Field(description="The model card, in Markdown.")
    models: list[str] = Field(description="Names of all models that are served.")


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return what OpenAPI tells of refusals."""
    words = {
        400: "The query or the body is not understood.",
        401: "The token is missing or wrong.",
        403: "The request is addressed to a name that is not this server's.",
        404: "No such model is served.",
        408: "The body did not come in time.",
        413: "The body, or the number of images, is above the limit.",
        415: "The Content-Type is none of an image.",
        429: "The queue is full; Retry-After says when to try again.",
        500: "A defect; the log has it.",
        503: "The server is stopping, or does not get to it in time.",
    }
    return {status: {"model": Problem, "description": words[status]} for status in statuses}
