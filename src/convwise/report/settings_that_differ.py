"""What was done differently in runs: recipe, network, data, seed, machine and versions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from convwise.report.fields import Json, items, mapping
from convwise.report.wording import label, shown, value

_NETWORK = ("name", "text", "total_params", "total_flops")
_DATA = ("name", "source", "classes", "counts", "fingerprint", "skipped", "options")
_IMAGE = ("height", "width", "channels", "resize", "mean", "std")
_RUN = ("seed", "threads", "status")
MISSING = "–"
SHOWN_LETTERS = 60


@dataclass(frozen=True)
class Setting:
    """One thing that is not the same in all runs.

    Args:
        group: the part of run.json: ``recipe``, ``network``, ``data`` …
        name: the key in it; keys of nested objects are joined by a dot.
        values: one for each run, as JSON holds it; None where a run does not tell.
    """

    group: str
    name: str
    values: tuple[object, ...]

    @property
    def title(self) -> str:
        """Group and name in words."""
        return f"{label(self.group)}: {self.name.replace('_', ' ')}"

    def words(self) -> tuple[str, ...]:
        """Return the values as a table shows them."""
        return tuple(_words(one) for one in self.values)


def settings_that_differ(runs: Sequence[Json]) -> tuple[Setting, ...]:
    """Return what differs between the contents of several run.json, in the order of the file.

    Example:
        >>> [one.title for one in settings_that_differ([{"seed": 0}, {"seed": 1}])]
        ['Run: seed']
    """
    tables = [dict(_settings(run)) for run in runs]
    keys = dict.fromkeys(key for table in tables for key in table)
    found = (
        Setting(group, name, tuple(table.get((group, name)) for table in tables))
        for group, name in keys
    )
    return tuple(one for one in found if any(each != one.values[0] for each in one.values))


def _settings(run: Json) -> Iterator[tuple[tuple[str, str], object]]:
    yield from _flat("recipe", mapping(run, "recipe"))
    yield from _flat("network", _part(run, "network", _NETWORK))
    yield from _flat("data", _part(run, "data", _DATA))
    yield from _flat("image", _part(run, "image_format", _IMAGE))
    yield from _flat("run", {key: run[key] for key in _RUN if key in run})
    yield from _flat("run", {"precision": mapping(run, "precision").get("chosen")})
    yield from _flat("versions", mapping(run, "versions"))
    yield from _flat("machine", mapping(run, "machine"))


def _part(run: Json, name: str, keys: Sequence[str]) -> Json:
    part = mapping(run, name)
    return {key: part[key] for key in keys if key in part}


def _flat(group: str, part: Json, before: str = "") -> Iterator[tuple[tuple[str, str], object]]:
    for key, one in part.items():
        if isinstance(one, Mapping):
            yield from _flat(group, one, f"{before}{key}.")
        else:
            yield (group, before + str(key)), one


def _words(one: object) -> str:
    if one is None:
        return MISSING
    if isinstance(one, str):
        return _cut(" | ".join(shown(line.strip()) for line in one.splitlines()) or MISSING)
    if isinstance(one, list):
        return _cut(", ".join(value(each) for each in items({"": one}, "")))
    return value(one)


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN_LETTERS else text[: SHOWN_LETTERS - 1] + "…"
