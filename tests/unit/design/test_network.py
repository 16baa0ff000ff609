from typing import Any

import pytest

from convwise.design import Conv2D, Dropout, Flatten, Network, Repeat
from convwise.errors import DesignError

DROPOUT = {"layer": "Dropout", "rate": 0.5}


def test_networks_are_equal_when_their_layers_are() -> None:
    assert Network((Flatten(),)) == Network([Flatten()])  # type: ignore[arg-type]
    assert Network((Flatten(),)) != Network((Flatten(), Flatten()))


def test_json_holds_each_argument_of_each_layer() -> None:
    assert Network((Repeat(2, (Dropout(0.5),)),)).to_dict() == {
        "layers": [{"layer": "Repeat", "times": 2, "layers": [DROPOUT]}]
    }


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ({"layer": "Droput", "rate": 0.5}, "did you mean Dropout"),
        ({"layer": "Dropout"}, "Dropout: lacks rate"),
        (DROPOUT | {"seed": 1}, "Dropout: has no argument 'seed'"),
        ({"layer": "Dropout", "rate": "0.5"}, "Dropout: rate is '0.5'"),
        ({"rate": 0.5}, 'under "layer"'),
        ({"layer": ["Dropout"]}, 'under "layer"'),
        ("Dropout", 'under "layer"'),
        ({"layer": "Repeat", "times": 2, "layers": {}}, "list of objects"),
        ({"layer": "Repeat", "times": 2, "layers": []}, "Repeat: layers are none"),
        (Conv2D(8, 3).to_dict() | {"use_bias": 1}, "Conv2D: use_bias is 1"),
        (Conv2D(8, 3).to_dict() | {"filters": 8.0}, "Conv2D: filters is 8.0"),
    ],
)
def test_json_that_is_no_layer_is_told(layer: Any, message: str) -> None:
    with pytest.raises(DesignError) as caught:
        Network.from_dict({"layers": [layer]})
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "values", [{}, [], {"layers": None}, {"layers": []}, {"layers": [], "x": 1}]
)
def test_json_that_is_no_network_is_told(values: Any) -> None:
    with pytest.raises(DesignError):
        Network.from_dict(values)


def test_json_nested_without_end_is_told() -> None:
    layer: dict[str, Any] = DROPOUT
    for _ in range(600):
        layer = {"layer": "Repeat", "times": 1, "layers": [layer]}
    with pytest.raises(DesignError, match="32 blocks deep"):
        Network.from_dict({"layers": [layer]})


def test_more_than_ten_thousand_layers_are_refused() -> None:
    with pytest.raises(DesignError, match="10,001"):
        Network((Flatten(),) * 10_001)


def test_something_that_is_no_layer_is_refused() -> None:
    with pytest.raises(DesignError, match="str"):
        Network(("conv 3 3",))  # type: ignore[arg-type]
