"""The audit that lies in a run's folder, read back as the findings that it was written from."""

from __future__ import annotations

from collections.abc import Sequence

from convwise.data.audit.findings import Audit, Duplicate, Located, Oddity
from convwise.data.dataset import Skipped
from convwise.report.fields import Json, as_number, items, mapping, objects, text


def read_audit(values: Json) -> Audit:
    """Return the findings that ``audit.json`` holds; what is missing or odd is left out.

    Near duplicates are not searched before a training, and are not read.

    Args:
        values: the content of the file.

    Example:
        >>> read_audit({"splits": {"train": {"cat": 3}}, "leaks": "nonsense"}).images
        3
    """
    splits = {split: _counts(mapping(values, "splits"), split) for split in _keys(values, "splits")}
    if not splits and (classes := _counts(values, "classes")):
        splits = {"all": classes}
    shape = [int(as_number(side) or 0) for side in items(values, "image_format")]
    return Audit(
        source=text(values, "source") or "",
        image_format=(shape[0], shape[1], shape[2]) if len(shape) == 3 else (0, 0, 0),
        counts=splits,
        skipped=tuple(_skipped(one) for one in objects(values, "skipped")),
        oddities=tuple(
            Oddity(name, "", tuple(map(_located, _texts(mapping(values, "oddities"), name))))
            for name in _keys(values, "oddities")
        ),
        duplicates=tuple(
            Duplicate(pictures)
            for one in objects(values, "duplicates")
            if len(pictures := _pictures(one)) > 1
        ),
        warnings=_texts(values, "warnings"),
        carved=_texts(values, "carved"),
        moved=tuple(map(_located, _texts(values, "moved"))),
    )


def _keys(values: Json, key: str) -> tuple[str, ...]:
    return tuple(str(name) for name in mapping(values, key))


def _counts(values: Json, key: str) -> dict[str, int]:
    found = mapping(values, key)
    numbers = {str(name): as_number(found[name]) for name in found}
    return {name: int(images) for name, images in numbers.items() if images is not None}


def _texts(values: Json, key: str) -> tuple[str, ...]:
    return tuple(str(one) for one in items(values, key) if isinstance(one, str))


def _located(path: str) -> Located:
    return Located(path, "", "")


def _skipped(one: Json) -> Skipped:
    reason = text(one, "reason") or ""
    return Skipped(text(one, "path") or "", reason, damaged=one.get("damaged") is True)


def _pictures(one: Json) -> tuple[Located, ...]:
    parts: Sequence[tuple[str, ...]] = [_texts(one, key) for key in ("paths", "splits", "labels")]
    if len({len(part) for part in parts}) != 1:
        return ()
    return tuple(Located(*each) for each in zip(*parts, strict=True))
