import time

import pytest

from convwise.design import (
    Activation,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    MaxPooling2D,
    Network,
    Repeat,
    Residual,
    ZeroPadding2D,
)
from convwise.design.notation import parse, write
from convwise.errors import NotationError

EXAMPLE = """\
conv 32 3 same relu          # Conv2D(32, 3, padding="same", activation="relu")
maxpool 2
repeat 2
  residual                   # adds its input; a projection appears where shapes differ
    conv 64 3 same norm relu
    conv 64 3 same norm
global_avgpool
dense classes
"""


def test_the_example_of_the_guide() -> None:
    conv = Conv2D(64, 3, padding="same", use_bias=False)
    norm = BatchNormalization()
    assert parse(EXAMPLE) == (
        Conv2D(32, 3, padding="same", activation="relu"),
        MaxPooling2D(2),
        Repeat(2, (Residual((conv, norm, Activation("relu"), conv, norm)),)),
        GlobalAveragePooling2D(),
        Dense("classes"),
    )


def test_the_printed_example_is_the_example_without_its_comments() -> None:
    bare = [line.split("#")[0].rstrip() for line in EXAMPLE.splitlines()]
    assert Network.from_text(EXAMPLE).to_text() == "\n".join(bare)


@pytest.mark.parametrize(
    ("text", "layer"),
    [
        ("conv 32 3 2 same", Conv2D(32, 3, 2, "same")),
        ("conv 32 3x5 1x2", Conv2D(32, (3, 5), (1, 2))),
        ("conv 32 3 use_bias=false groups=2", Conv2D(32, 3, use_bias=False, groups=2)),
        ("conv filters=8 kernel_size=3", Conv2D(8, 3)),
        ("conv 8 3 relu dilation_rate=2", Conv2D(8, 3, activation="relu", dilation_rate=2)),
        ("maxpool", MaxPooling2D()),
        ("maxpool 3 2 same", MaxPooling2D(3, 2, "same")),
        ("dropout 0.5", Dropout(0.5)),
        ("norm momentum=0.9 scale=false", BatchNormalization(momentum=0.9, scale=False)),
        ("leaky_relu", Activation("leaky_relu")),
        ("zeropad", ZeroPadding2D()),
        ("zeropad 2", ZeroPadding2D(2)),
        ("zeropad 0,1x2,3", ZeroPadding2D(((0, 1), (2, 3)))),
        ("dense 128 relu", Dense(128, "relu")),
        ("residual identity (flatten)", Residual((Flatten(),), "identity")),
    ],
)
def test_one_line(text: str, layer: object) -> None:
    assert parse(text) == (layer,)


def test_norm_keeps_a_bias_that_is_asked_for() -> None:
    assert parse("conv 8 3 norm use_bias=true") == (Conv2D(8, 3), BatchNormalization())


def test_bars_part_layers_and_brackets_hold_those_of_a_block() -> None:
    below = "conv 8 3\nrepeat 2\n  residual\n    conv 8 3 same\n    relu\n  maxpool 2\nflatten"
    beside = "conv 8 3 | repeat 2 (residual (conv 8 3 same | relu) | maxpool 2) | flatten"
    assert parse(beside) == parse(below)


def test_only_a_plain_norm_is_drawn_onto_its_convolution() -> None:
    for text in ("conv 8 3 use_bias=false\nnorm momentum=0.5", "conv 8 3\nnorm"):
        assert Network.from_text(text).to_text() == text


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("conv 8 3\nrelu\n\nconvv 3", 4, 1, "convv is no layer — did you mean conv?"),
        ("conv 8 3 smae", 1, 10, "conv knows no smae — did you mean same?"),
        ("conv 8 3 fitlers=3", 1, 10, "did you mean filters"),
        ("relu | conv 0 3", 1, 13, "filters is 0; use 1 to 65,536"),
        ("conv 1000000000 3", 1, 6, "filters is 1,000,000,000"),
        ("conv 8", 1, 1, "conv needs kernel_size"),
        ("conv 8 3 2 2", 1, 12, "one number too many"),
        ("conv 8 3 relu tanh", 1, 15, "second activation"),
        ("conv 8 3 relu norm", 1, 10, "write norm relu"),
        ("conv 8 3 norm norm", 1, 15, "twice"),
        ("conv 9 3 groups=2", 1, 10, "does not divide"),
        ("conv 8 3 filters=9", 1, 10, "given twice"),
        ("conv 8 3 | | relu", 1, 12, "missing"),
        ("conv 8 3 |", 1, 10, "missing"),
        ("conv 8 3 (relu)", 1, 11, "holds no layers"),
        ("conv 8 3\n  relu", 2, 3, "holds no layers"),
        ("residual\nrelu", 1, 1, "residual needs layers"),
        ("repeat 2 (relu", 1, 10, "not closed"),
        ("repeat 2 (relu) relu", 1, 17, "put a bar"),
        ("relu)", 1, 5, "closes nothing"),
        ("  relu", 1, 3, "first layer is indented"),
        ("residual\n    relu\n  relu", 3, 3, "fits no line above"),
        ("residual (relu)\n  relu", 2, 3, "has its layers already"),
        ("residual\n\trelu", 2, 1, "spaces only"),
        ("# nothing", 1, 1, "no layers"),
        ("repeat 1000000 (relu)", 1, 8, "times is 1,000,000"),
        ("relu | repeat 9000 (repeat 9000 (relu))", 1, 8, "81,000,000"),
    ],
)
def test_errors_name_their_place(text: str, line: int, column: int, message: str) -> None:
    with pytest.raises(NotationError, match=f"line {line}, column {column}: ") as caught:
        parse(text)
    assert message in str(caught.value)
    assert (caught.value.line, caught.value.column) == (line, column)


@pytest.mark.parametrize(
    "text",
    [
        "relu\n" * 30_000,
        "(" * 90_000,
        "repeat 2 (" * 5_000,
        "\n".join(" " * depth + "residual" for depth in range(300)),
        "conv 1 " + "9" * 90_000,
        "conv 1 " + "1x" * 45_000,
        "conv 1 1 " + "filters=1 " * 9_000,
        "relu\n" * 15_000,
    ],
    ids=lambda text: text[:12],
)
def test_hostile_text_ends_soon_in_a_short_error(text: str) -> None:
    start = time.process_time()
    with pytest.raises(ValueError, match=r"line|layers") as caught:
        Network.from_text(text)
    assert time.process_time() - start < 5
    assert len(str(caught.value)) < 300


def test_32_blocks_deep_is_the_most() -> None:
    text = "\n".join([*(" " * depth + "repeat 1" for depth in range(32)), " " * 32 + "relu"])
    assert Network.from_text(Network.from_text(text).to_text()).layers[0].depth == 32


@pytest.mark.parametrize("text", ["conv 8 3 swish", "conv 8 3 activation=swish"])
def test_swish_is_another_word_for_silu(text: str) -> None:
    assert parse(text) == parse("conv 8 3 silu")
    assert parse("swish") == parse("conv 8 3 norm swish")[2:] == parse("silu")
    assert write(parse("conv 8 3 norm swish")) == "conv 8 3 norm silu"
