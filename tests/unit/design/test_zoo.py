import pytest

from convwise.design import Network, Residual, plan, zoo
from convwise.errors import OptionError


@pytest.mark.parametrize("name", zoo.names())
def test_each_network_plans_at_its_own_size_with_the_count_of_its_source(name: str) -> None:
    entry = zoo.entry(name)
    made = plan(entry.network, entry.image, 10).require()
    assert entry.name == name
    assert entry.params in (None, made.total_params)


@pytest.mark.parametrize("name", zoo.names())
@pytest.mark.parametrize("image", ["28x28x1", "32x32x3", "64x48x3"])
def test_each_network_plans_at_common_sizes(name: str, image: str) -> None:
    plan(name, image, 3).require()


@pytest.mark.parametrize("name", zoo.names())
def test_each_network_is_written_as_the_printer_writes_it(name: str) -> None:
    entry = zoo.entry(name)
    assert Network.from_dict(entry.network.to_dict()) == entry.network
    assert entry.network.to_text() + "\n" == entry.text


def test_lenet_has_the_paper_s_layers_on_28_pixels() -> None:
    rows = plan("lenet", "28x28x1", 10).rows
    assert [row.params for row in rows if row.params] == [156, 2_416, 48_120, 10_164, 850]


def test_resnet20_has_the_paper_s_twenty_layers_and_shortcuts_without_weights() -> None:
    rows = plan("resnet20", "32x32x3", 10).rows
    weighted = [row for row in rows if row.name.startswith(("conv", "dense"))]
    assert len(weighted) == 20
    sums = [row for row in rows if isinstance(row.layer, Residual)]
    assert len(sums) == 9
    assert all(row.params == 0 for row in sums)
    assert [row.output_shape for row in sums[::3]] == [(32, 32, 16), (16, 16, 32), (8, 8, 64)]


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(OptionError, match="did you mean resnet20"):
        zoo.network("resnet")
