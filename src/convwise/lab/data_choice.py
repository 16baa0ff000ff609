"""The data that the pages Train and Study offer: named sets, and what the lab was given."""

from __future__ import annotations

from convwise.data.catalogue import CATALOGUE, locate
from convwise.lab.places import Places
from convwise.lab.training_entry import shown_path


def data_choices(places: Places) -> list[dict[str, str]]:
    """Return what can be chosen on this machine, each with ``id``, ``name`` and ``title``."""
    named = [
        {"id": entry.name, "name": entry.name, "title": entry.title}
        for entry in CATALOGUE.values()
        if locate(entry) is not None
    ]
    # What needs nothing comes first.
    named.sort(key=lambda each: not CATALOGUE[each["id"]].embedded)
    own = [
        {"id": handed, "name": path.name, "title": shown_path(path)}
        for handed, path in places.data_sources()
    ]
    return [*own, *named]


def source_of(data: str, places: Places) -> tuple[str, str]:
    """Return a short name of the data, and how the command line names it.

    Args:
        data: an id of :func:`data_choices`.
        places: of the lab.

    Raises:
        UnknownIdError: it was not offered, or has gone.
    """
    if data in CATALOGUE:
        return data, data
    path = places.data_source(data)
    shown = shown_path(path)
    return path.stem or path.name, f"./{shown}" if shown in CATALOGUE else shown
