"""A page of the lab: its place in the navigation, its template, its script and its requests."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from threading import Event
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Request

from convwise.lab.known_pictures import KnownPictures
from convwise.lab.known_runs import KnownRuns
from convwise.lab.models import Models
from convwise.lab.places import Places
from convwise.lab.uploads import Uploads

if TYPE_CHECKING:
    from convwise.lab.training_queue import TrainingQueue


@dataclass
class Lab:
    """What all pages share.

    Args:
        places: the folders that may be read.
        uploads: pictures that the user gave.
        closing: set when the lab ends, so that streams to open pages end too.
        queue: of trainings, once the lab has started.
        models: networks that were asked last.
        known_pictures: of data that networks were trained on.
        known_runs: as they were listed last.
    """

    places: Places
    uploads: Uploads
    closing: Event = field(default_factory=Event)
    queue: TrainingQueue | None = None
    models: Models = field(default_factory=Models)
    known_pictures: KnownPictures = field(default_factory=KnownPictures)
    known_runs: KnownRuns = field(default_factory=KnownRuns)


@dataclass(frozen=True)
class Page:
    """One page.

    Args:
        name: in its address: ``/design`` shows ``design.html.j2``, which loads ``design.js``.
        title: in the navigation.
        router: its requests, below ``/api/<name>``.
        styles: of the report that it uses besides ``style.css``.
        context: what its template fills in.
        lifespan: entered when the lab starts, left when it stops.
    """

    name: str
    title: str
    router: APIRouter
    styles: tuple[str, ...] = ()
    context: Callable[[Lab], dict[str, Any]] | None = None
    lifespan: Callable[[Lab], AbstractAsyncContextManager[None]] | None = None


def _lab(request: Request) -> Lab:
    lab = request.app.state.lab
    assert isinstance(lab, Lab)
    return lab


TheLab = Annotated[Lab, Depends(_lab)]
"""The lab, as a parameter of a request's function."""
