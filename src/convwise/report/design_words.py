"""What a design's page says about the whole network, in words."""

from __future__ import annotations

from convwise.design import zoo
from convwise.design.layer import show
from convwise.design.plan import Plan
from convwise.report.wording import counted, percent

_THOUSANDS = ("", " thousand", " million", " billion", " trillion")
# A share that is worth naming its layer for.
_NOTABLE = 0.2
_BYTES = ("B", "kB", "MB", "GB", "TB", "PB")


def amount(number: int) -> str:
    """Return a whole number, to three digits with a word where it is long.

    Example:
        >>> amount(61706), amount(25557032), amount(999_950_000)
        ('61,706', '25.6 million', '1 billion')
    """
    if number < 1_000_000:
        return f"{number:,}"
    digits, power = _scaled(number, len(_THOUSANDS))
    return digits + _THOUSANDS[power]


def bytes_of_memory(number: int) -> str:
    """Return bytes to three digits, in powers of 1000.

    Example:
        >>> bytes_of_memory(950), bytes_of_memory(1_234_567)
        ('950 B', '1.23 MB')
    """
    digits, power = _scaled(number, len(_BYTES))
    return f"{digits} {_BYTES[power]}"


def _scaled(number: int, powers: int) -> tuple[str, int]:
    power = 0
    value = float(number)
    while value >= 999.5 and power < powers - 1:
        value, power = value / 1000, power + 1
    return f"{value:.3g}", power


def title_of(plan: Plan) -> str:
    """Return the title of the zoo's network that this is, or what can be said of any.

    Example:
        >>> from convwise.design.plan import plan
        >>> title_of(plan("conv 8 3 relu | flatten | dense classes", "28x28x1", 10))
        'A network of 3 layers'
    """
    for name in zoo.names():
        if zoo.entry(name).network == plan.network:
            return name
    layers = sum(layer.count for layer in plan.network.layers)
    return f"A network of {counted(layers, 'layer')}"


def origin_of(plan: Plan) -> str | None:
    """Return title, year and paper of the zoo's network that this is."""
    for name in zoo.names():
        entry = zoo.entry(name)
        if entry.network == plan.network:
            title = entry.title[:1].upper() + entry.title[1:]
            return f"{title}. {entry.paper or entry.year}"
    return None


def sentences(plan: Plan) -> tuple[str, ...]:
    """Return what the network does, and where its weights and its work lie."""
    if plan.problem:
        return (_broken(plan),)
    said = [_what_it_does(plan)]
    if plan.trainable_params and plan.total_flops:
        said.append(_where_it_lies(plan))
    if seen := _what_it_sees(plan):
        said.append(seen)
    return tuple(said)


def _broken(plan: Plan) -> str:
    kept = counted(len(plan.rows), "layer")
    assert plan.problem is not None
    return (
        f"This network cannot be built for an image of {show(plan.image)} and "
        f"{counted(plan.classes, 'class', 'classes')}. Below are the {kept} before "
        f"{plan.problem.layer}, which cannot be."
        if plan.rows
        else f"This network cannot be built for an image of {show(plan.image)}: "
        f"its first layer, {plan.problem.layer}, cannot be."
    )


def _what_it_does(plan: Plan) -> str:
    learning = sum(1 for row in plan.rows if row.trainable_params)
    return (
        f"It turns an image of {show(plan.image)} into one value for each of "
        f"{counted(plan.classes, 'class', 'classes')}, in {counted(len(plan.rows), 'layer')}, "
        f"{learning} of which learn."
    )


def _where_it_lies(plan: Plan) -> str:
    heaviest = max(plan.rows, key=lambda row: row.params)
    busiest = max(plan.rows, key=lambda row: row.flops)
    shares = heaviest.params / plan.total_params, busiest.flops / plan.total_flops
    weights, work = map(percent, shares)
    if max(shares) < _NOTABLE:
        most = f"more than {weights} of the weights or does more than {work} of the work"
        return f"No layer holds {most}."
    if heaviest is busiest:
        return f"{heaviest.name} holds {weights} of the weights and does {work} of the work."
    return (
        f"{heaviest.name} holds the largest part of the weights ({weights}), "
        f"{busiest.name} does the largest part of the work ({work})."
    )


def _what_it_sees(plan: Plan) -> str | None:
    seen = plan.extractor[-1].receptive_field if plan.extractor else None
    if seen is None:
        return None
    image = plan.image[:2]
    if seen[0] < image[0] or seen[1] < image[1]:
        return f"A place of its last map sees {show(seen)} of the {show(image)} pixels."
    beyond = " and beyond" if seen != image else ""
    return f"A place of its last map sees {show(seen)} pixels: the whole image{beyond}."
