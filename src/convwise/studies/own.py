"""The user's own question: a TOML file with a base, and what is varied.

base = "conv 32 3 same relu | maxpool 2 | flatten | dense classes"
# name = "activation"            what the question is called; "own" unless given

[vary]
activation = ["relu", "gelu"]    # a field of every layer that has it
"conv.kernel_size" = [3, 5]      # a field of the layers that the notation calls conv
"recipe.batch_size" = [64, 256]  # a setting of the recipe
# network = ["lenet", "fast"]    # whole networks, in place of the base
"""

from __future__ import annotations

import itertools
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from convwise.design import Network, resolve_network
from convwise.design.registry import KINDS
from convwise.errors import OptionError, did_you_mean
from convwise.studies.question import Arm, Comparison, Question
from convwise.studies.trial import COMMON
from convwise.training.recipe import Recipe

MOST_ARMS = 24
_KEYS = ("base", "vary", "name", "title")
_RECIPE = "recipe."
_WORDS = {kind.__name__: kind.word for kind in KINDS}


def own_settings(path: Path) -> dict[str, Any]:
    """Read the settings of a question from a file; :func:`question_of` makes it of them.

    Raises:
        OptionError: the file cannot be read.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise OptionError(f"--config {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise OptionError(f"--config {path} is no TOML: {error}") from None


def question_of(settings: Mapping[str, Any], where: str = "study.toml") -> Question:
    """Return the question that settings describe.

    Args:
        settings: ``base``, ``vary``, and perhaps ``name`` and ``title``.
        where: they stand, for messages.

    Raises:
        OptionError: a key is missing or unknown, or a value is of the wrong kind.

    Example:
        >>> from convwise.studies.question import Setting
        >>> asked = question_of({"base": "lenet", "vary": {"activation": ["tanh", "relu"]}})
        >>> [arm.name for arm in asked.arms(Setting((28, 28, 1), ("a", "b")))]
        ['activation-tanh', 'activation-relu']
    """
    for key in settings:
        if key not in _KEYS:
            raise OptionError(
                f"{where}: {key} is no key{did_you_mean(key, _KEYS)}; known are {', '.join(_KEYS)}"
            )
    vary = settings.get("vary")
    if not isinstance(vary, dict) or not vary:
        raise OptionError(
            f'{where}: say what to vary, for example [vary] with activation = ["relu", "gelu"]'
        )
    for key, values in vary.items():
        if not isinstance(values, list) or not values:
            raise OptionError(f"{where}: vary.{key} = {values!r}: give a list of values")
    arms = tuple(_arms(settings, vary, where))
    if not 2 <= len(arms) <= MOST_ARMS:
        raise OptionError(f"{where}: {len(arms)} arms; vary so that there are 2 to {MOST_ARMS}")
    first = arms[0].name
    return Question(
        name=_slug(str(settings.get("name", "own"))),
        title=str(settings.get("title", f"Your own: {', '.join(vary)}")),
        claim=f"Whether {' and '.join(vary)} matter on these images.",
        source=where,
        equal="Training images, their order, epochs, and all of the base that is not varied."
        " Parameters and FLOPs may differ: the table shows them.",
        metric="Accuracy on the test images.",
        reading=f"Each arm is compared with the first one, {first}.",
        arms=lambda setting: arms,
        comparisons=lambda setting: tuple(Comparison(arm.name, first) for arm in arms[1:]),
    )


def _arms(settings: Mapping[str, Any], vary: Mapping[str, list[Any]], where: str) -> Iterator[Arm]:
    names: set[str] = set()
    for values in itertools.product(*vary.values()):
        chosen = dict(zip(vary, values, strict=True))
        network, recipe = chosen.get("network", settings.get("base")), {}
        if not isinstance(network, str):
            raise OptionError(f"{where}: give base, a network's name or its text")
        design = resolve_network(network)
        for key, value in chosen.items():
            if key.startswith(_RECIPE):
                recipe[key.removeprefix(_RECIPE)] = value
            elif key != "network":
                design = _changed(design, key, value, where)
        Recipe.of(COMMON | recipe)
        name = _slug("-".join(f"{key}-{value}" for key, value in chosen.items()))
        while name in names:
            name += "-again"
        names.add(name)
        told = ", ".join(f"{key} = {value}" for key, value in chosen.items())
        yield Arm(name, design.to_text(), recipe=recipe, note=told)


def _changed(design: Network, key: str, value: Any, where: str) -> Network:
    """Return a network with a field of some layers changed."""
    word, _, field = key.rpartition(".")
    changed = [0]

    def walk(values: Any) -> Any:
        if isinstance(values, list):
            return [walk(each) for each in values]
        if not isinstance(values, dict):
            return values
        here = {name: walk(each) for name, each in values.items()}
        fits = not word or _WORDS.get(str(values.get("layer"))) == word
        # What is left out on purpose, as the activation before a softmax, stays so.
        if fits and values.get(field) not in (None, "classes"):
            here[field] = value
            changed[0] += 1
        return here

    made = walk(design.to_dict())
    if not changed[0]:
        raise OptionError(
            f"{where}: vary.{key}: no layer of the network has {field};"
            " write FIELD, WORD.FIELD, recipe.SETTING or network"
        )
    return Network.from_dict(made)


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60].strip("-") or "own"
