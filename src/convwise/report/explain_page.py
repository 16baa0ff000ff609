"""An explanation as one self-contained page."""

from __future__ import annotations

from dataclasses import dataclass

from convwise.design.layer import show
from convwise.explain.explanation import Explanation
from convwise.explain.filters import MOST_DRAWN, LearnedFilters
from convwise.explain.one_picture import ExplainedPicture
from convwise.explain.pooling import BothPoolings
from convwise.explain.strongest import StrongestInputs
from convwise.report.design_border import Border, border
from convwise.report.explain_data import LabelCard, MistakeCard, label_cards, mistake_cards
from convwise.report.explain_embedding import Layout, layout
from convwise.report.explain_pictures import Shot, photo, shot
from convwise.report.explain_words import sentences, title
from convwise.report.page_writer import render
from convwise.report.wording import count, counted, percent, shown


@dataclass(frozen=True)
class Tile:
    """A picture and the words below it."""

    shot: Shot
    words: str


@dataclass(frozen=True)
class Strip:
    """Pictures in a row, and what they are."""

    name: str
    words: str
    shots: tuple[Shot, ...]


@dataclass(frozen=True)
class PictureCard:
    """All about one picture."""

    name: str
    said: str
    wrong: bool
    tiles: tuple[Tile, ...]
    maps: tuple[Strip, ...]


@dataclass(frozen=True)
class LayerCard:
    """What excites the filters of one layer."""

    name: str
    words: str
    strips: tuple[Strip, ...]


@dataclass(frozen=True)
class ExplainPage:
    """The template's whole context."""

    title: str
    asked: str
    said: tuple[str, ...]
    notes: tuple[str, ...]
    pictures: tuple[PictureCard, ...]
    filters: Strip | None
    layers: tuple[LayerCard, ...]
    poolings: tuple[Tile, ...]
    pooling_words: str
    border: Border | None
    embedding: Layout | None
    mistakes: tuple[MistakeCard, ...]
    mistaken: str
    searched: str
    labels: tuple[LabelCard, ...]
    all_labels: int
    classes: tuple[str, ...]
    has_data: bool
    command: str | None


def explain_page(explanation: Explanation, command: str | None = None) -> str:
    """Return an explanation as one HTML file that asks for nothing beyond itself.

    Args:
        explanation: what was found.
        command: that repeats it.
    """
    model, data = explanation.model, explanation.data
    poolings = explanation.poolings
    page = ExplainPage(
        title=title(explanation),
        asked=f"{show(model.image_format.shape)} images,"
        f" {counted(len(model.classes), 'class', 'classes')}",
        said=sentences(explanation),
        notes=explanation.notes,
        pictures=tuple(map(_picture, explanation.pictures)),
        filters=None if explanation.filters is None else _filters(explanation.filters),
        layers=tuple(map(_layer, explanation.strongest)),
        poolings=() if poolings is None else _poolings(poolings),
        pooling_words="" if poolings is None else _pooling_words(poolings),
        border=None if explanation.coverage is None else border(model.network.plan),
        embedding=None if data is None else layout(data),
        mistakes=() if data is None else mistake_cards(data),
        mistaken="" if data is None else counted(data.mistaken, "mistake"),
        searched="" if data is None else _searched(len(data.train), data.train_images),
        labels=() if data is None else label_cards(data),
        all_labels=0 if data is None else len(data.label_errors),
        classes=tuple(map(shown, model.classes)),
        has_data=data is not None,
        command=command,
    )
    styles = ("style.css", "design.css", "explain.css")
    return render("explain.html.j2", styles=styles, script="explain.js", page=page)


def _picture(picture: ExplainedPicture) -> PictureCard:
    best = ", ".join(f"{shown(name)} {percent(value)}" for name, value in picture.best)
    first = shown(picture.best[0][0])
    wrong = picture.label is not None and picture.label != picture.best[0][0]
    said = f"The network says {best}."
    if picture.label is not None:
        said += f" Its label is {shown(picture.label)}."
    tiles = [Tile(photo(picture.picture, f"A picture of {first}"), "As the network sees it")]
    if picture.class_map is not None:
        words = f"Class map of {picture.class_map.layer}"
        tiles.append(Tile(shot(picture.class_map.drawn(), picture.class_map.caption), words))
    covered = picture.occlusion
    words = (
        f"Occlusion: {show(covered.window)} covered take {shown(covered.label)} from"
        f" {percent(covered.probability)} to {percent(covered.lowest)} at the most"
    )
    tiles.append(Tile(shot(covered.drawn(), covered.caption), words))
    if picture.gradients is not None:
        tiles.append(
            Tile(shot(picture.gradients.drawn(), picture.gradients.caption), "Integrated gradients")
        )
    if picture.seen is not None:
        seen = picture.seen
        words = (
            f"What place {seen.place} of {seen.layer} sees: {seen.box.height}×{seen.box.width}"
            " pixels"
        )
        tiles.append(Tile(shot(seen.drawn(), seen.caption), words))
    maps = tuple(
        Strip(
            each.layer,
            f"{len(each.maps)} of {each.filters} maps, {show(each.maps.shape[1:])}",
            tuple(
                shot(tile, f"Map {channel} of {each.behind}", 112)
                for channel, tile in zip(each.channels, each.tiles(), strict=True)
            ),
        )
        for each in picture.maps
    )
    return PictureCard(shown(picture.name), said, wrong, tuple(tiles), maps)


def _filters(filters: LearnedFilters) -> Strip:
    tiles = filters.tiles()[:MOST_DRAWN]
    kind = "learned" if filters.learnt else "hand-picked"
    words = f"{count(len(filters.kernels))} {kind} filters of {show(filters.kernels.shape[1:3])}"
    if len(filters.kernels) > len(tiles):
        words += f", of which {len(tiles)} are shown"
    shots = tuple(shot(tile, f"Filter {number}") for number, tile in enumerate(tiles))
    return Strip(filters.layer, words, shots)


def _layer(layer: StrongestInputs) -> LayerCard:
    words = f"Each place sees {show(layer.seen)} pixels. "
    if len(layer.channels) < layer.filters:
        words += f"{len(layer.channels)} of {layer.filters} filters"
    else:
        words += f"All {counted(layer.filters, 'filter')}"
    words += f"; patches of {counted(layer.images, 'image')}."
    if layer.silent:
        words += f" {counted(len(layer.silent), 'filter')} of the layer never answer"
        words += "s." if len(layer.silent) == 1 else "."
    strips = tuple(
        Strip(
            str(channel),
            "",
            tuple(photo(patch.pixels, f"Answer {patch.value:.3g}", 48) for patch in patches),
        )
        for channel, patches in zip(layer.channels, layer.patches, strict=True)
    )
    return LayerCard(layer.layer, words, strips)


def _poolings(poolings: BothPoolings) -> tuple[Tile, ...]:
    names = ("The map", "Largest value of each region", "Mean of each region")
    return tuple(
        Tile(shot(tile, name), f"{name}, {show(tile.shape[:2])}")
        for name, tile in zip(names, poolings.tiles(), strict=True)
    )


def _pooling_words(poolings: BothPoolings) -> str:
    words = f"Channel {poolings.channel} of {poolings.of}, in regions of {show(poolings.size)}."
    if poolings.pooling is None:
        return words + " This network does not pool; here is what pooling would leave."
    return words + f" {poolings.pooling} takes the {poolings.uses}."


def _searched(searched: int, every: int) -> str:
    if searched < every:
        return f"{count(searched)} of {counted(every, 'training image')}, evenly chosen"
    return f"all {counted(every, 'training image')}"
