"""All that can be said of how a network sees one picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from convwise.data.batches import to_input
from convwise.design.plan import Row
from convwise.errors import DesignError, MissingExtraError
from convwise.evaluation.predict import predict_probabilities
from convwise.explain.class_map import ClassMap, grad_cam
from convwise.explain.feature_maps import feature_maps
from convwise.explain.figure import Figure
from convwise.explain.gradients import IntegratedGradients, integrated_gradients
from convwise.explain.network import as_designed, kept_outputs
from convwise.explain.occlusion import Occlusion, occlusion
from convwise.explain.pictures import levels, sheet
from convwise.explain.receptive import Seen, receptive_field
from convwise.explain.stages import Stage, some_stages, stages
from convwise.explain.subject import class_index
from convwise.model.trained import TrainedModel

STAGES, CHANNELS = 4, 8
BEST = 3
_GAP = 2


@dataclass(frozen=True, eq=False)
class StageMaps(Figure):
    """Some maps of a layer of filters for one picture.

    Args:
        layer: of the filters.
        behind: the row whose maps these are: the layer, or what normalises and activates it.
        channels: numbers of the maps, those that vary most first.
        maps: float32, (channels, rows, columns).
        filters: how many maps the layer has.
    """

    layer: str
    behind: str
    channels: tuple[int, ...]
    maps: NDArray[np.float32]
    filters: int

    def tiles(self) -> list[NDArray[np.uint8]]:
        """Return each map as grey levels of its own scale, uint8, (rows, columns, 1)."""
        return [levels(each) for each in self.maps]

    def drawn(self) -> NDArray[np.uint8]:
        """Return the maps side by side."""
        return sheet(self.tiles(), len(self.maps), _GAP)

    @property
    def caption(self) -> str:
        """Which maps of how many."""
        rows, columns = self.maps.shape[1:]
        return (
            f"{self.layer}: the {len(self.maps)} of {self.filters} maps of {rows}×{columns} that"
            " vary most"
        )


@dataclass(frozen=True, eq=False)
class ExplainedPicture:
    """How a network sees one picture.

    Args:
        name: the user's own name of it, a path most often.
        label: its class, where that is known.
        picture: uint8, (height, width, channels), as the model sees it.
        best: the most probable classes with their probabilities.
        class_map: by Grad-CAM; None for a network without maps.
        occlusion: by covering parts of it.
        gradients: integrated gradients; None where captum is not installed.
        seen: what a place of a map sees; unless told, the strongest answer of the last filters that
            see less than the picture. None likewise.
        maps: of some layers of filters.
    """

    name: str
    label: str | None
    picture: NDArray[np.uint8]
    best: tuple[tuple[str, float], ...]
    class_map: ClassMap | None
    occlusion: Occlusion
    gradients: IntegratedGradients | None
    seen: Seen | None
    maps: tuple[StageMaps, ...]

    @property
    def figures(self) -> dict[str, Figure]:
        """All pictures of it, by names that may stand in file names."""
        found: dict[str, Figure | None] = {
            "class-map": self.class_map,
            "occlusion": self.occlusion,
            "integrated-gradients": self.gradients,
            "receptive-field": self.seen,
            **{f"maps-{each.layer}": each for each in self.maps},
        }
        return {name: figure for name, figure in found.items() if figure is not None}


def explain_picture(
    model: TrainedModel,
    picture: NDArray[np.uint8],
    *,
    name: str,
    label: str | None = None,
    target: int | str | None = None,
    layer: str | None = None,
    place: tuple[int, int] | None = None,
) -> ExplainedPicture:
    """Explain one picture.

    Args:
        model: that is explained.
        picture: uint8, (height, width, channels) of the model's format.
        name: the user's own name of it.
        label: its class, where that is known.
        target: place or name of the class to explain; None stands for the predicted one.
        layer: whose maps make the class map; None stands for the last one.
        place: (row, column) of that map, whose receptive field is drawn; None stands for where most
            speaks for the class in the layer; without one, for the strongest answer of the last
            filters that see less than the picture.

    Raises:
        OptionError: there is no such class, layer or place.
    """
    probabilities = predict_probabilities(model, picture[np.newaxis])[0]
    order = np.argsort(-probabilities, kind="stable")[:BEST].tolist()
    chosen = order[0] if target is None else class_index(model, target)
    found = _class_map(model, picture, chosen, layer)
    return ExplainedPicture(
        name=name,
        label=label,
        picture=picture,
        best=tuple((model.classes[place], float(probabilities[place])) for place in order),
        class_map=found,
        occlusion=occlusion(model, picture, chosen),
        gradients=_gradients(model, picture, chosen),
        seen=None if found is None else _seen(model, picture, found, layer, place),
        maps=_stage_maps(model, picture),
    )


def _class_map(
    model: TrainedModel, picture: NDArray[np.uint8], target: int, layer: str | None
) -> ClassMap | None:
    try:
        return grad_cam(model, picture, target, layer)
    except DesignError:
        return None


def _gradients(
    model: TrainedModel, picture: NDArray[np.uint8], target: int
) -> IntegratedGradients | None:
    try:
        return integrated_gradients(model, picture, target)
    except MissingExtraError:
        return None


def _seen(
    model: TrainedModel,
    picture: NDArray[np.uint8],
    found: ClassMap,
    layer: str | None,
    place: tuple[int, int] | None,
) -> Seen:
    row = _last_within(model) if layer is None and place is None else None
    if row is not None:
        answers = feature_maps(model, picture, row.name).max(axis=0)
        strongest = divmod(int(answers.argmax()), answers.shape[1])
        return receptive_field(model, picture, row.name, strongest)
    strongest = divmod(int(found.evidence.argmax()), found.evidence.shape[1])
    return receptive_field(model, picture, found.layer, place or strongest)


def _last_within(model: TrainedModel) -> Row | None:
    """Return the last filters' map whose places see less than the picture."""
    image = model.image_format
    for stage in reversed(stages(model.network.plan)):
        seen = stage.output.receptive_field
        if seen is not None and seen[0] < image.height and seen[1] < image.width:
            return stage.output
    return None


def _stage_maps(model: TrainedModel, picture: NDArray[np.uint8]) -> tuple[StageMaps, ...]:
    chosen = some_stages(model.network.plan, STAGES)
    names = [stage.output.name for stage in chosen]
    network = as_designed(model.network)
    with torch.inference_mode(), kept_outputs(network, names) as found:
        network(to_input(picture[np.newaxis], model.image_format))
    return tuple(
        _most_varied(stage, found[name][0].float().numpy())
        for stage, name in zip(chosen, names, strict=True)
    )


def _most_varied(stage: Stage, maps: NDArray[np.float32]) -> StageMaps:
    spread = maps.std(axis=(1, 2))
    channels = np.argsort(-spread, kind="stable")[:CHANNELS]
    return StageMaps(
        stage.filters.name,
        stage.output.name,
        tuple(channels.tolist()),
        np.ascontiguousarray(maps[channels]),
        len(maps),
    )
