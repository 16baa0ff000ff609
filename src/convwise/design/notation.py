"""convwise's notation: layers as text, a layer a line, blocks by indentation.

    conv 32 3 same relu          # Conv2D(32, 3, padding="same", activation="relu")
    maxpool 2
    repeat 2
      residual
        conv 64 3 same norm relu # without bias, then BatchNormalization, then relu
        conv 64 3 same norm
    global_avgpool
    dense classes

Numbers fill a layer's number arguments in Keras's order, words say the rest, and any argument may
be written ``name=value``. A bar parts layers on one line; there, brackets hold a block's layers:
``repeat 2 (conv 8 3 relu | maxpool 2)``. Blocks of several chains hold a ``branch`` for each:
``concat (branch (conv 8 1) | branch (conv 8 3 same))``; one that holds nothing is the input itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import Field
from typing import Any

from convwise.design.arguments import Argument, Pair
from convwise.design.block import LayersArgument
from convwise.design.branches import Add, ChainsArgument, Concatenate
from convwise.design.layer import Layer, arguments, is_required
from convwise.design.normalization import BatchNormalization
from convwise.design.registry import KINDS
from convwise.design.text import Item, Word, read_items, split_lines
from convwise.errors import DesignError, NotationError, did_you_mean

BRANCH = "branch"

_NESTED = (LayersArgument, ChainsArgument)

_WORDS = {word: (kind, given) for kind in KINDS for word, given in kind.words().items()}


def words() -> tuple[str, ...]:
    """Return every word that starts a layer."""
    return tuple(_WORDS)


def parse(text: str) -> tuple[Layer, ...]:
    """Read layers from text.

    Raises:
        NotationError: the text is no network; says line, column and the nearest word.

    Example:
        >>> parse("conv 8 3 2 same")
        (Conv2D(filters=8, kernel_size=(3, 3), strides=(2, 2), padding='same', activation=None, \
use_bias=True, dilation_rate=(1, 1), groups=1),)
    """
    try:
        return _layers(read_items(text))
    except NotationError as error:
        error.source = split_lines(text)[error.line - 1]
        raise


def write(layers: Sequence[Layer], indent: str = "") -> str:
    """Return the text that :func:`parse` turns into the same layers again.

    Example:
        >>> print(write(parse("residual shortcut=identity (conv 8 3 same norm)")))
        residual identity
          conv 8 3 same norm
    """
    return "\n".join(_lines(layers, indent))


def describe(layer: Layer) -> str:
    """Return one layer's own line, without the layers that it may hold.

    Example:
        >>> describe(parse("maxpool pool_size=2 strides=2")[0])
        'maxpool 2 2'
    """
    return " ".join([layer.spelling, *_argument_words(layer)])


def _layers(items: Sequence[Item]) -> tuple[Layer, ...]:
    return tuple(layer for item in items for layer in _item_layers(item))


def _item_layers(item: Item) -> tuple[Layer, ...]:
    head = item.words[0]
    if head.text not in _WORDS:
        raise head.error(f"{head.text[:40]} is no layer{did_you_mean(head.text[:40], _WORDS)}")
    kind, given = _WORDS[head.text]
    found: dict[str, Any] = dict(given)
    normed, rest = _split_at_norm(kind, item.words[1:])
    blocks = [
        (field.name, argument)
        for field, argument in arguments(kind)
        if isinstance(argument, _NESTED)
    ]
    if item.body and not blocks:
        raise item.body[0].words[0].error(f"{head.text} holds no layers; indent it less")
    if blocks and not item.body:
        raise head.error(f"{head.text} needs layers: put them below, indented, or in brackets")
    for name, argument in blocks:
        nested = isinstance(argument, ChainsArgument)
        found[name] = _chains(head, item.body) if nested else _layers(item.body)
    for word in normed:
        _take(kind, head, word, found)
    if rest is not None:
        found.setdefault("use_bias", False)
    for field, _ in arguments(kind):
        if is_required(field) and field.name not in found:
            raise head.error(f"{head.text} needs {field.name}: write {_example(kind, head.text)}")
    try:
        layer = kind(**found)
    except DesignError as error:
        raise _place(item, error, kind).error(f"{head.text}: {error.message}") from None
    return (layer, *_norm_layers(rest)) if rest is not None else (layer,)


def _chains(head: Word, body: Sequence[Item]) -> tuple[tuple[Layer, ...], ...]:
    """Read the branches of a block; one without layers hands the block's input on."""
    for item in body:
        word = item.words[0]
        if word.text != BRANCH:
            raise word.error(
                f"{head.text} holds branches: write {BRANCH}, and its layers below it, indented"
            )
        if len(item.words) > 1:
            raise item.words[1].error(f"{BRANCH} takes nothing on its line")
    return tuple(_layers(item.body) for item in body)


def _split_at_norm(
    kind: type[Layer], given: tuple[Word, ...]
) -> tuple[tuple[Word, ...], tuple[Word, ...] | None]:
    """Return a layer's own words and, if it is followed by ``norm``, the activation after it."""
    at = next((place for place, word in enumerate(given) if word.text == "norm"), None)
    if at is None or not kind.takes_norm:
        return given, None
    after = [word for word in given[at + 1 :] if _is_activation(word)]
    own = tuple(word for word in (*given[:at], *given[at + 1 :]) if word not in after)
    for word in own:
        if _is_activation(word) or word.text.startswith("activation="):
            raise word.error(f"with norm, the activation comes behind it: write norm {word.text}")
        if word.text == "norm":
            raise word.error("norm stands here twice; put the second one on its own line")
    if len(after) > 1:
        raise after[1].error(f"{after[1].text} is a second activation; put it on its own line")
    return own, tuple(after)


def _is_activation(word: Word) -> bool:
    return "activation" in _WORDS.get(word.text, (None, {}))[1]


def _norm_layers(rest: tuple[Word, ...]) -> Iterator[Layer]:
    yield BatchNormalization()
    for word in rest:
        kind, given = _WORDS[word.text]
        yield kind(**given)


def _take(kind: type[Layer], head: Word, word: Word, found: dict[str, Any]) -> None:
    """Put what a word says into ``found``."""
    name, sign, text = word.text.partition("=")
    own = {field.name: argument for field, argument in arguments(kind)}
    if sign:
        if name not in own:
            raise word.error(
                f"{head.text} has no argument {name[:40]}{did_you_mean(name[:40], own)}"
            )
        if name in found:
            raise word.error(f"{name} is given twice")
        try:
            found[name] = own[name].check(own[name].read(text))
        except ValueError as error:
            raise word.error(f"{head.text}: {name} {error}") from None
        return
    slot = _slot(kind, word.text, found)
    if slot is None:
        raise word.error(_unknown(kind, head.text, word.text))
    field, argument = slot
    try:
        found[field.name] = argument.check(argument.read(word.text))
    except ValueError as error:
        raise word.error(f"{head.text}: {field.name} {error}") from None


def _slot(
    kind: type[Layer], text: str, found: dict[str, Any]
) -> tuple[Field[Any], Argument] | None:
    """Return the first argument that is still free and can be meant by a word."""
    for field, argument in arguments(kind):
        if not field.metadata["positional"] or field.name in found:
            continue
        try:
            if argument.read(text) is not None:
                return field, argument
        except ValueError:
            continue
    return None


def _unknown(kind: type[Layer], head: str, text: str) -> str:
    places = [(item, argument) for item, argument in arguments(kind) if item.metadata["positional"]]
    if text[:1].isdigit() or text[:1] in "+-.":
        try:
            Pair().read(text)
            wrong = f"{text} is one number too many"
        except ValueError as error:
            wrong = f"it {error}" if len(text) > 40 else f"{text} is no number"
        numbers = [item.name for item, argument in places if not argument.words]
        takes = f"takes {', '.join(numbers)} in this order" if numbers else "takes no numbers"
        return f"{head}: {wrong}; {head} {takes}"
    for item, argument in places:
        if text in argument.words:
            return f"{head}: {text} would be a second {item.name}; take one of them away"
    known = [word for _, argument in places for word in argument.words]
    known += [item.name for item, _ in arguments(kind)] + ["norm"] * kind.takes_norm
    return f"{head} knows no {text[:40]}{did_you_mean(text[:40], known)}"


def _example(kind: type[Layer], head: str) -> str:
    examples = {
        "filters": "32",
        "bank": "sobel",
        "kernel_size": "3",
        "units": "classes",
        "rate": "0.5",
        "times": "2",
    }
    needed = [field.name for field, argument in arguments(kind) if is_required(field)]
    return " ".join([head, *(examples[name] for name in needed if name in examples)])


def _place(item: Item, error: DesignError, kind: type[Layer]) -> Word:
    """Return the word that an error about a whole layer is best pinned to."""
    name = error.message.split(" ", 1)[0]
    named = (word for word in item.words[1:] if word.text.startswith(f"{name}="))
    return next(named, item.words[0])


def _lines(layers: Sequence[Layer], indent: str) -> Iterator[str]:
    place = 0
    while place < len(layers):
        layer = layers[place]
        sugar = _norm_words(layers, place)
        hidden = {"use_bias"} if sugar else set()
        yield indent + " ".join([layer.spelling, *_argument_words(layer, hidden), *sugar])
        for branch in layer.branches:
            deeper = "  "
            if isinstance(layer, Add | Concatenate):
                yield f"{indent}  {BRANCH}"
                deeper = "    "
            yield from _lines(branch, indent + deeper)
        place += max(1, 1 + len(sugar))


def _norm_words(layers: Sequence[Layer], place: int) -> list[str]:
    """Return ``norm`` and the activation after it, where the layers at ``place`` say just that."""
    layer, after = layers[place], layers[place + 1 : place + 3]
    plain = getattr(layer, "activation", None) is None and not getattr(layer, "use_bias", True)
    if not (layer.takes_norm and plain and after and after[0] == BatchNormalization()):
        return []
    last = after[1:]
    return ["norm", *(follower.spelling for follower in last if follower.spelling in _ACTIVATIONS)]


_ACTIVATIONS = frozenset(word for word, (_, given) in _WORDS.items() if "activation" in given)


def _argument_words(layer: Layer, hidden: set[str] | frozenset[str] = frozenset()) -> Iterator[str]:
    """Write the arguments that are not the defaults, by position where that reads back."""
    settled = layer.words()[layer.spelling]
    told: dict[str, Any] = dict(settled)
    named: list[str] = []
    for place, (field, argument) in enumerate(arguments(type(layer))):
        value = getattr(layer, field.name)
        if field.name in settled or field.name in hidden or isinstance(argument, _NESTED):
            continue
        # A first argument is told even as a default: `maxpool 2` says more than `maxpool`.
        is_first = place == 0 and field.metadata["positional"]
        if not is_required(field) and not is_first and value == argument.check(field.default):
            continue
        text = argument.write(value)
        slot = _slot(type(layer), text, told)
        if field.metadata["positional"] and slot is not None and slot[0].name == field.name:
            told[field.name] = value
            yield text
        else:
            named.append(f"{field.name}={text}")
    yield from named
