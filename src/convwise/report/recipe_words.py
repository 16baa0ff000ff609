"""The settings that a training used, in words; what was left out or switched off is not told."""

from __future__ import annotations

from collections.abc import Callable

from convwise.report.facts import Fact
from convwise.report.fields import Json, items, mapping, number, objects, text
from convwise.report.wording import count, counted, duration, label, shown, value

_OPTIMIZERS = {"muon": "Muon", "sgd": "SGD with Nesterov momentum", "adamw": "AdamW"}
_BALANCES = {
    "weights": "an image of a rare class counts more in the loss",
    "sampling": "all classes are drawn equally often",
}
# Told together with another setting, or only where they have a meaning.
_TOLD_ELSEWHERE = ("warmup", "momentum", "alternating_flip")


def settings_used(run: Json) -> tuple[Fact, ...]:
    """Return what a run's recipe came to.

    Args:
        run: the content of run.json.

    Example:
        >>> recipe = {"epochs": 3, "optimizer": "sgd", "momentum": 0.9, "mixup": 0.0, "shift": 1}
        >>> for fact in settings_used({"recipe": recipe}):
        ...     print(fact.label, "-", fact.value)
        Epochs - 3
        Optimizer - SGD with Nesterov momentum, momentum 0.9
        Augmentation - moved by up to 1 pixel each way
    """
    recipe = mapping(run, "recipe")
    facts = []
    for key, given in recipe.items():
        if key in _TOLD_ELSEWHERE or key in _CHANGES or not _used(given):
            continue
        say = _SAID.get(key)
        said = say(recipe) if say else value(given)
        if said:
            facts.append(Fact(_LABELS.get(key, label(key)), said))
    if changes := _augmentation(recipe):
        facts.append(Fact("Augmentation", changes))
    return tuple(facts)


def asked_for(run: Json) -> str | None:
    """Return which settings were asked for and which convwise chose, or None if it is not known.

    Example:
        >>> asked_for({"asked": {"epochs": 3, "batch_size": 64}})
        'Asked for: epochs and batch size. All other settings are convwise’s choice.'
        >>> asked_for({"asked": {}})
        'No setting was asked for: all are convwise’s choice.'
    """
    if not isinstance(run.get("asked"), dict):
        return None
    names = [shown(key).replace("_", " ") for key in mapping(run, "asked")]
    if not names:
        return "No setting was asked for: all are convwise’s choice."
    listed = " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]
    return f"Asked for: {listed}. All other settings are convwise’s choice."


def _per_cent(share: float) -> str:
    """Return a setting as it was written, not as a measured share with its digits."""
    return f"{share * 100:.4g}\u00a0%"


def _used(given: object) -> bool:
    return given not in (None, False, 0, "none", "", [], {})


def _optimizer(recipe: Json) -> str:
    name = text(recipe, "optimizer") or "?"
    said = _OPTIMIZERS.get(name, shown(name))
    momentum = number(recipe, "momentum")
    if momentum:
        said += f", {'first beta' if name == 'adamw' else 'momentum'} {momentum:g}"
    return said


def _learning_rate(recipe: Json) -> str:
    peak, warmup = number(recipe, "learning_rate") or 0.0, number(recipe, "warmup")
    if warmup:
        rise = f"rises from near 0 to {peak:g} in the first {_per_cent(warmup)} of training"
        return f"{rise}, then falls to 0"
    return f"begins at {peak:g} and falls to 0" if warmup == 0 else f"{peak:g} at most"


def _pruning(recipe: Json) -> str:
    share = number(recipe, "prune_easy") or 0.0
    return (
        f"{_per_cent(share)} of the easy images sit out an epoch, in turns; the others count more"
    )


def _patience(recipe: Json) -> str:
    epochs = counted(number(recipe, "patience") or 0, "epoch")
    return f"ends when the validation loss has not fallen for {epochs}"


def _balance(recipe: Json) -> str:
    name = text(recipe, "balance") or "?"
    return _BALANCES.get(name, shown(name))


_SAID: dict[str, Callable[[Json], str]] = {
    "epochs": lambda recipe: count(number(recipe, "epochs") or 0),
    "time_limit": lambda recipe: duration(number(recipe, "time_limit") or 0),
    "batch_size": lambda recipe: counted(number(recipe, "batch_size") or 0, "image"),
    "optimizer": _optimizer,
    "learning_rate": _learning_rate,
    "prune_easy": _pruning,
    "patience": _patience,
    "balance": _balance,
}
_LABELS = {"prune_easy": "Easy images", "patience": "Early stopping", "balance": "Uneven classes"}


_CHANGES: dict[str, Callable[[float], str]] = {
    "shift": lambda most: f"moved by up to {counted(most, 'pixel')} each way",
    "flip": lambda _: "mirrored left to right, one in two",
    "rotate": lambda most: f"turned by up to {most:g}° either way",
    "scale": lambda most: f"enlarged or reduced by up to {_per_cent(most)}",
    "crop": lambda most: f"cut by up to {_per_cent(most)} of each side",
    "brightness": lambda most: f"brightness changed by up to {_per_cent(most)}",
    "contrast": lambda most: f"contrast changed by up to {_per_cent(most)}",
    "erase": lambda most: f"up to {_per_cent(most)} covered, one in two",
    "mixup": lambda alpha: f"blended with another (mixup, alpha {alpha:g})",
    "cutmix": lambda alpha: f"a part from another (CutMix, alpha {alpha:g})",
}


def _augmentation(recipe: Json) -> str:
    said = []
    for key, say in _CHANGES.items():
        given = recipe.get(key)
        if isinstance(given, bool):
            given = 1.0 if given else 0.0
        if isinstance(given, int | float) and given:
            said.append(say(float(given)))
    if recipe.get("flip") and recipe.get("alternating_flip"):
        said[said.index(_CHANGES["flip"](1))] = "mirrored left to right in every second epoch"
    return ", ".join(said)


def precision_words(run: Json) -> str | None:
    """Return the precision, and what stayed in fp32 although it is bf16; None if it is not told.

    Example:
        >>> layers = [{"layers": ["dense1"], "chosen": "fp32"}]
        >>> precision_words({"precision": {"chosen": "bf16"}, "precision_by_layer": layers})
        'bf16, but fp32 in dense1'
    """
    chosen = text(mapping(run, "precision"), "chosen")
    if chosen is None or chosen == "fp32":
        return chosen
    kept = [
        shown(name)
        for heat in objects(run, "precision_by_layer")
        if heat.get("chosen") == "fp32"
        for name in items(heat, "layers")
    ]
    return f"{shown(chosen)}, but fp32 in {', '.join(kept)}" if kept else shown(chosen)
