"""Random networks survive text and JSON exactly; random text is a network or a clear error."""

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from convwise.design import Add, Concatenate, Layer, Network, Repeat, Residual
from convwise.design.activation import ACTIVATIONS
from convwise.design.banks import BANKS
from convwise.design.layer import arguments, is_required
from convwise.design.notation import words
from convwise.design.registry import KINDS
from convwise.errors import DesignError, NotationError

small = st.integers(1, 9)
pair = st.one_of(small, st.tuples(small, small))
border = st.integers(0, 9)
sides = st.tuples(st.tuples(border, border), st.tuples(border, border))
share = st.floats(0, 1, exclude_max=True)
activation = st.one_of(st.none(), st.sampled_from(ACTIVATIONS))

# How to draw an argument of each name; a new argument without a way to draw it fails below.
DRAWS: dict[str, st.SearchStrategy[Any]] = {
    "bank": st.sampled_from(sorted(BANKS)),
    "depth_multiplier": small,
    "filters": st.integers(1, 12).map(lambda number: number * 6),
    "kernel_size": pair,
    "strides": pair,
    "padding": st.sampled_from(["same", "valid"]),
    "activation": activation,
    "use_bias": st.booleans(),
    "dilation_rate": st.just(1),
    "groups": st.sampled_from([1, 2, 3]),
    "pool_size": pair,
    "momentum": st.floats(0, 1),
    "epsilon": st.floats(1e-9, 1),
    "center": st.booleans(),
    "scale": st.booleans(),
    "rate": share,
    "units": st.one_of(st.just("classes"), st.integers(1, 65_536)),
    "shortcut": st.sampled_from(["projection", "identity"]),
    "times": st.integers(1, 4),
}
OVERRIDES: dict[tuple[str, str], st.SearchStrategy[Any]] = {
    ("ZeroPadding2D", "padding"): st.one_of(border, st.tuples(border, border), sides),
    ("Activation", "activation"): st.sampled_from(ACTIVATIONS),
    ("MaxPooling2D", "strides"): st.one_of(st.none(), pair),
    ("AveragePooling2D", "strides"): st.one_of(st.none(), pair),
    ("BlurPool2D", "strides"): st.one_of(st.none(), pair),
}


def layers_of(kind: type[Layer], **given: st.SearchStrategy[Any]) -> st.SearchStrategy[Layer]:
    names = [item.name for item, _ in arguments(kind) if item.name not in given]
    draws = {name: OVERRIDES.get((kind.__name__, name), DRAWS[name]) for name in names}
    # Half of the time an argument is left at its default, which the text then leaves out.
    optional = {item.name for item, _ in arguments(kind) if not is_required(item)}
    fixed = {name: draw for name, draw in draws.items() if name not in optional}
    free = {name: draw for name, draw in draws.items() if name in optional}
    return st.fixed_dictionaries({**fixed, **given}, optional=free).map(
        lambda values: kind(**values)
    )


leaf_kinds = [kind for kind in KINDS if kind not in (Residual, Add, Concatenate, Repeat)]
leaves = st.one_of([layers_of(kind) for kind in leaf_kinds])


def blocks(inner: st.SearchStrategy[Layer]) -> st.SearchStrategy[Layer]:
    chain = st.lists(inner, min_size=1, max_size=4).map(tuple)
    chains = st.lists(st.one_of(st.just(()), chain), min_size=2, max_size=3).map(tuple)
    of_one = (layers_of(kind, layers=chain) for kind in (Residual, Repeat))
    of_several = (layers_of(kind, chains=chains) for kind in (Add, Concatenate))
    return st.one_of(*of_one, *of_several)


any_layer = st.recursive(leaves, blocks, max_leaves=12)
networks = st.lists(any_layer, min_size=1, max_size=6).map(lambda layers: Network(tuple(layers)))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(networks)
def test_a_network_survives_its_text(network: Network) -> None:
    text = network.to_text()
    again = Network.from_text(text)
    assert again == network
    assert again.to_text() == text


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(networks)
def test_a_network_survives_json(network: Network) -> None:
    text = json.dumps(network.to_dict(), allow_nan=False)
    assert Network.from_dict(json.loads(text)) == network


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(networks, st.integers(0, 10_000), st.characters(codec="utf-8"))
def test_a_text_with_one_wrong_character_is_a_network_or_names_its_place(
    network: Network, place: int, character: str
) -> None:
    text = network.to_text()
    place %= len(text) + 1
    check_text(text[:place] + character + text[place:])


OTHER_WORDS = (
    "same norm classes identity branch 3 2 0.5 3x5 -1 strides=2 use_bias=false groups= = none"
)
vocabulary = st.sampled_from(
    [*words(), *OTHER_WORDS.split(), "|", "(", ")", "#", "\n", "\n  ", "10000000000"]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(vocabulary, max_size=25).map(" ".join))
def test_words_in_any_order_are_a_network_or_name_their_place(text: str) -> None:
    check_text(text)


def check_text(text: str) -> None:
    try:
        network = Network.from_text(text)
    except DesignError as error:
        place = (error.line, error.column) if isinstance(error, NotationError) else (1, 1)
    else:
        assert Network.from_text(network.to_text()) == network
        return
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    assert 1 <= place[0] <= len(lines)
    assert 1 <= place[1] <= len(lines[place[0] - 1]) + 1


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=9)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.sampled_from(
                ["layer", "layers", "chains", "times", "rate", "filters", "units", "x"]
            ),
            st.one_of(inner, st.sampled_from([kind.__name__ for kind in KINDS])),
            max_size=5,
        ),
    ),
    max_leaves=20,
)


@settings(max_examples=300, deadline=None)
@given(json_values)
def test_any_json_is_a_network_or_a_design_error(values: Any) -> None:
    for document in (values, {"layers": values}, {"layers": [values]}):
        try:
            Network.from_dict(document)
        except DesignError:
            continue
