"""An explanation as plain JSON values."""

from __future__ import annotations

from typing import Any

from convwise.explain.explanation import Explanation
from convwise.explain.in_data import DataExplanation
from convwise.explain.one_picture import ExplainedPicture


def facts_of(explanation: Explanation) -> dict[str, Any]:
    """Return what ``convwise explain --json`` prints, without the files that were written."""
    filters = explanation.filters
    return {
        "model": explanation.model.name,
        "classes": list(explanation.model.classes),
        "filters": None
        if filters is None
        else {"layer": filters.layer, "filters": len(filters.kernels), "learnt": filters.learnt},
        "silent_filters": [
            {"layer": each.layer, "filters": each.filters, "silent": list(each.silent)}
            for each in explanation.strongest
        ],
        "pictures": [_picture(each) for each in explanation.pictures],
        "data": None if explanation.data is None else _data(explanation.data),
        "notes": list(explanation.notes),
    }


def _picture(picture: ExplainedPicture) -> dict[str, Any]:
    covered, gradients = picture.occlusion, picture.gradients
    return {
        "name": picture.name,
        "label": picture.label,
        "predicted": [{"class": name, "probability": value} for name, value in picture.best],
        "explained_class": covered.label,
        "class_map_layer": None if picture.class_map is None else picture.class_map.layer,
        "occlusion": {
            "window": list(covered.window),
            "probability": covered.probability,
            "lowest_probability": covered.lowest,
        },
        "integrated_gradients": None if gradients is None else {"gained": gradients.gained},
    }


def _data(data: DataExplanation) -> dict[str, Any]:
    ids, classes = data.store.ids, data.classes
    return {
        "source": data.source,
        "split": data.split,
        "images": len(data.store),
        "skipped": data.skipped,
        "mistakes": data.mistaken,
        "surest_mistakes": [
            {
                "path": each.name,
                "label": classes[each.label],
                "predicted": classes[each.predicted],
                "probability": each.probability,
                "label_probability": each.own,
                "likely_label_error": each.likely_error,
                "nearest": [
                    {"path": data.train.ids[near.image], "likeness": near.likeness}
                    for near in each.neighbours
                ],
            }
            for each in data.mistakes
        ],
        "likely_label_errors": [
            {
                "path": ids[each.image],
                "label": classes[each.label],
                "suggested": classes[each.suggested],
                "label_probability": each.own,
                "suggested_probability": each.other,
            }
            for each in data.label_errors
        ],
    }
