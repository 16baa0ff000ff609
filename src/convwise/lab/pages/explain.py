"""The page Explain: two networks look at one picture, while it is moved about."""

from __future__ import annotations

import base64
import dataclasses
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Depends, Query, Request
from numpy.typing import NDArray

from convwise.errors import DataError, OptionError
from convwise.image import MAX_SIDE
from convwise.lab.known_pictures import KnownPictures
from convwise.lab.models import Listed, Loaded, listed_models, source_of
from convwise.lab.objects import Picture, fitted, from_bytes
from convwise.lab.page import Lab, Page, TheLab
from convwise.report.pictures import png_data_uri

SHOWN_PICTURES = 24
Side = Annotated[int, Query(ge=1, le=MAX_SIDE)]

router = APIRouter()


async def _body(request: Request) -> bytes:
    return await request.body()


Body = Annotated[bytes, Depends(_body)]


def _context(lab: Lab) -> dict[str, Any]:
    # torch takes seconds to import; it is here by the time that a network is asked.
    threading.Thread(target=_import_torch, name="import of torch", daemon=True).start()
    return {}


def _import_torch() -> None:
    import convwise.evaluation.predict
    import convwise.lab.looking  # noqa: F401


@router.get("/models")
def models(lab: TheLab) -> dict[str, Any]:
    """Return the networks that can be chosen; those of studies first, then the newest runs."""
    found = listed_models(lab.places)
    return {"models": [_told(model) for model in found]}


def _told(model: Listed) -> dict[str, Any]:
    return dataclasses.asdict(model)


@router.get("/layers")
def layers(model: str, lab: TheLab) -> dict[str, Any]:
    """Return the layers of a network whose maps can be looked at."""
    from convwise.lab.looking import layers_of

    return {"layers": layers_of(_loaded(lab, model))}


@router.get("/pictures")
def pictures(model: str, lab: TheLab, turn: Annotated[int, Query(ge=0)] = 0) -> dict[str, Any]:
    """Return some test pictures of the data that a network was trained on."""
    try:
        dataset = lab.known_pictures.dataset(source_of(_path(lab, model)), lab.places)
        found = KnownPictures.pictures(dataset, SHOWN_PICTURES, turn)
    except DataError as error:
        return {"pictures": [], "problem": str(error)}
    return {
        "pictures": [
            {"place": each.place, "label": each.label, "png": png_data_uri(each.pixels)}
            for each in found
        ]
    }


@router.post("/upload")
def upload(lab: TheLab, content: Body) -> dict[str, str]:
    """Keep a picture that the user gave; return its id."""
    return {"id": lab.uploads.add(content)}


@router.get("/object")
def object_(
    model: str,
    lab: TheLab,
    place: int | None = None,
    upload: str | None = None,
    side: Side | None = None,
) -> dict[str, Any]:
    """Return the pixels of a picture as an object for the canvas of a network.

    Args:
        model: whose canvas it is for.
        place: of a test picture; or
        upload: the id of a picture that was given.
        side: the longest side in pixels that it gets; as large as it is unless given.
    """
    height, width, channels = _loaded(lab, model).model.image_format.shape
    if upload is not None:
        pixels, label = lab.uploads.pixels(upload), None
    elif place is not None:
        dataset = lab.known_pictures.dataset(source_of(_path(lab, model)), lab.places)
        found = KnownPictures.picture(dataset, place)
        pixels, label = found.pixels, found.label
    else:
        raise OptionError("which picture? choose one")
    own = max(pixels.shape[:2])
    longest = min(side or own, max(height, width))
    room = min(height, longest), min(width, longest)
    picture = Picture.of(fitted(pixels, *room, channels))
    return {
        "height": picture.pixels.shape[0],
        "width": picture.pixels.shape[1],
        "channels": channels,
        "pixels": base64.b64encode(picture.pixels.tobytes()).decode("ascii"),
        "background": picture.background,
        "box": picture.box,
        "label": label,
        "side": max(picture.pixels.shape[:2]),
    }


@router.post("/look")
def look(
    model: Annotated[list[str], Query(min_length=1, max_length=2)],
    lab: TheLab,
    content: Body,
    layer: Annotated[list[str], Query(max_length=2)] = [],  # noqa: B006 - FastAPI copies it
    class_map: bool = False,
) -> dict[str, Any]:
    """Ask one or two networks about one canvas, whose raw pixels are the body.

    Args:
        model: ids of the networks; the canvas has the channels of the first.
        layer: for each network, whose maps are wanted; an empty text for none.
        class_map: whether Grad-CAM is wanted.
    """
    from convwise.lab.looking import look as look_into

    nets = _nets(lab, model)
    canvas = from_bytes(content, *nets[0].model.image_format.shape)
    wanted = [*layer, "", ""]
    return {
        "nets": [
            look_into(net, canvas, wanted[number] or None, class_map=class_map)
            for number, net in enumerate(nets)
        ]
    }


@router.post("/everywhere")
def everywhere(
    model: Annotated[list[str], Query(min_length=1, max_length=2)],
    height: Side,
    width: Side,
    lab: TheLab,
    content: Body,
    label: str | None = None,
) -> dict[str, Any]:
    """Ask networks about an object at each place of the canvas; its raw pixels are the body."""
    from convwise.lab.looking import everywhere as ask_everywhere

    nets = _nets(lab, model)
    pixels: NDArray[np.uint8] = from_bytes(
        content, height, width, nets[0].model.image_format.channels
    )
    return ask_everywhere(nets, Picture.of(pixels), label)


def _nets(lab: Lab, chosen: Sequence[str]) -> list[Loaded]:
    nets = [_loaded(lab, each) for each in chosen]
    sizes = {net.model.image_format.shape[:2] for net in nets}
    if len(sizes) > 1:
        told = " and ".join("×".join(map(str, size)) for size in sorted(sizes))
        raise OptionError(f"these networks read images of {told}; choose two of one size")
    return nets


def _loaded(lab: Lab, model: str) -> Loaded:
    return lab.models.load(_path(lab, model))


def _path(lab: Lab, model: str) -> Path:
    return lab.places.path(model, (lab.places.runs, lab.places.studies))


PAGE = Page("explain", "Explain", router, context=_context)
