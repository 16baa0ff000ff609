"""Text of printed programs; whether they compute the network is tested under conformance."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from convwise.design import Network, zoo
from convwise.design.plan import Plan, plan
from convwise.design.source import to_keras, to_torch
from convwise.errors import DesignError

BOTH = pytest.mark.parametrize("write", [to_keras, to_torch])
DESIGNS = Path(__file__).parents[2] / "conformance" / "source_designs.txt"

SMALL = "conv 8 3 2 same norm relu | maxpool 2 | flatten | dense classes softmax"
END = " | flatten | dense classes"

KERAS = '''\
# A network for images of 28×28×1 and 10 classes,
# printed by convwise from this design:
#
#     conv 8 3 2 same norm relu
#     maxpool 2
#     flatten
#     dense classes softmax

import keras
from keras import layers


def build():
    """Return the network with its first weights."""
    inputs = keras.Input((28, 28, 1))
    x = layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False, name="conv1")(inputs)
    x = layers.BatchNormalization(name="norm1")(x)
    x = layers.Activation("relu", name="activation1")(x)
    x = layers.MaxPooling2D(2, name="pool1")(x)
    x = layers.Flatten(name="flatten1")(x)
    x = layers.Dense(10, activation="softmax", name="dense1")(x)
    return keras.Model(inputs, x)


if __name__ == "__main__":
    build().summary()
'''

TORCH = '''\
# A network for images of 28×28×1 and 10 classes,
# printed by convwise from this design:
#
#     conv 8 3 2 same norm relu
#     maxpool 2
#     flatten
#     dense classes softmax
#
# torch's momentum is one minus Keras's. In training torch moves running_var by the batch's
# unbiased variance, n / (n - 1) of the biased one that Keras takes.
#
# F.pad puts the odd pixel of padding="same" below and at the right, as Keras does.

import torch
import torch.nn.functional as F
from torch import nn


class Network(nn.Module):
    """(batch, 1, 28, 28) → (batch, 10)."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3, stride=2, bias=False)
        self.norm1 = nn.BatchNorm2d(8, eps=0.001, momentum=0.01)
        self.activation1 = nn.ReLU()
        self.pool1 = nn.MaxPool2d(2)
        self.dense1 = nn.Linear(392, 10)
        # First weights as in Keras: Glorot's uniform ones, and biases of zero.
        for layer in self.modules():
            if isinstance(layer, (nn.Conv2d, nn.Linear)) and layer.weight.requires_grad:
                nn.init.xavier_uniform_(layer.weight)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)

    def forward(self, x):
        x = self.conv1(F.pad(x, (0, 1, 0, 1)))
        x = self.norm1(x)
        x = self.activation1(x)
        x = self.pool1(x)
        x = x.permute(0, 2, 3, 1).flatten(1)  # flatten1: row, column, channel
        x = F.softmax(self.dense1(x), dim=1)
        return x


if __name__ == "__main__":
    print(Network()(torch.zeros(1, 1, 28, 28)).shape)
'''


def test_a_small_network_for_keras() -> None:
    assert to_keras(plan(SMALL, "28x28x1", 10)) == KERAS


def test_a_small_network_for_torch() -> None:
    assert to_torch(plan(SMALL, "28x28x1", 10)) == TORCH


@BOTH
def test_a_design_that_cannot_be_is_refused_with_its_fixes(write) -> None:
    broken = plan("maxpool 4 | maxpool 9 | flatten | dense classes", "8x8x1", 10)
    with pytest.raises(DesignError, match="pool2") as caught:
        write(broken)
    assert caught.value.fixes


@BOTH
def test_the_design_at_the_top_reads_back(write) -> None:
    for name in zoo.names():
        made = plan(name, zoo.entry(name).image, 7)
        head = write(made).split("\n\n")[0].splitlines()
        told = "\n".join(line[6:] for line in head if line.startswith("#     "))
        assert Network.from_text(told) == made.network
        height, width, channels = made.image
        assert f"{height}×{width}×{channels} and 7 classes" in head[0]


def steps(text: str) -> list[str]:
    """Lines of a printed Keras network between its image and its end."""
    lines = to_keras(plan(text, "8x8x3", 2)).splitlines()
    start = next(place for place, line in enumerate(lines) if "keras.Input" in line)
    return [
        line[4:] for line in lines[start + 1 : lines.index("    return keras.Model(inputs, x)")]
    ]


def test_equal_repeats_become_a_loop_with_the_names_of_the_plan() -> None:
    text = "repeat 5 (conv 6 3 same | relu)" + END
    first = 'x = layers.Conv2D(6, 3, padding="same", name="conv1")(inputs)'
    # The first time sees another number of channels, so that it stands alone.
    assert steps(text)[:5] == [
        first,
        'x = layers.Activation("relu", name="activation1")(x)',
        "for i in range(4):",
        '    x = layers.Conv2D(6, 3, padding="same", name=f"conv{2 + i}")(x)',
        '    x = layers.Activation("relu", name=f"activation{2 + i}")(x)',
    ]


def test_a_loop_in_a_loop_counts_with_both() -> None:
    text = "repeat 2 (conv 3 3 same | repeat 9 (relu) | conv 3 3 same)" + END
    assert [line.strip() for line in steps(text)[:6]] == [
        "x = inputs",
        "for i in range(2):",
        'x = layers.Conv2D(3, 3, padding="same", name=f"conv{1 + 2 * i}")(x)',
        "for j in range(9):",
        'x = layers.Activation("relu", name=f"activation{1 + 9 * i + j}")(x)',
        'x = layers.Conv2D(3, 3, padding="same", name=f"conv{2 + 2 * i}")(x)',
    ]


def test_a_short_repeat_is_written_out() -> None:
    assert not any(line.startswith("for") for line in steps("repeat 3 (relu)" + END))


def test_a_shortcut_is_written_out() -> None:
    projected = steps("residual (conv 6 3 2 same)" + END)
    assert projected[:4] == [
        'shortcut = layers.Conv2D(6, 1, strides=2, use_bias=False, name="add1_projection")(inputs)',
        'shortcut = layers.BatchNormalization(name="add1_projection_norm")(shortcut)',
        'x = layers.Conv2D(6, 3, strides=2, padding="same", name="conv1")(inputs)',
        'x = layers.Add(name="add1")([x, shortcut])',
    ]
    padded = steps("residual identity (conv 6 3 2 same)" + END)
    zeros = "((0, 0), (0, 0), (0, 0), (1, 2))"
    assert padded[0] == f"shortcut = ops.pad(inputs[:, ::2, ::2], {zeros})"


def test_blocks_in_blocks_keep_their_variables_apart() -> None:
    chains = "relu\nresidual\n  relu\n  residual\n    concat\n      branch\n        relu\n"
    chains += "        residual\n          relu\n          relu\n      branch\n    conv 3 1\n"
    found = steps(chains + "flatten\ndense classes")
    assert [line for line in found if "shortcut" in line or "branch" in line] == [
        "shortcut = x",
        "shortcut2 = x",
        'branch = layers.Activation("relu", name="activation3")(x)',
        "shortcut3 = branch",
        'branch = layers.Activation("relu", name="activation4")(branch)',
        'branch = layers.Activation("relu", name="activation5")(branch)',
        'branch = layers.Add(name="add1")([branch, shortcut3])',
        'x = layers.Concatenate(name="concat1")([branch, x])',
        'x = layers.Add(name="add2")([x, shortcut2])',
        'x = layers.Add(name="add3")([x, shortcut])',
    ]


def test_what_keras_averages_wrongly_on_torch_is_brought_along_only_then() -> None:
    odd, even = (to_keras(plan(f"avgpool {size} 1 same" + END, "8x8x1", 2)) for size in (2, 3))
    assert 'AverageOfPresent(2, 1, ((0, 1), (0, 1)), name="pool1")(inputs)' in odd
    assert 'layers.AveragePooling2D(3, strides=1, padding="same", name="pool1")(inputs)' in even
    assert "AverageOfPresent" not in even


@pytest.mark.parametrize("layer", ["depthwise 3 2x1", "separable 6 3 2x1", "blurpool 3 2x1"])
def test_strides_that_tensorflow_refuses_are_told(layer: str) -> None:
    name = plan(layer + END, "8x8x3", 2).rows[0].name
    assert f"# {name}: strides of rows and columns differ" in to_keras(
        plan(layer + END, "8x8x3", 2)
    )
    equal = layer.replace("2x1", "2")
    assert "TensorFlow" not in to_keras(plan(equal + END, "8x8x3", 2))
    assert "TensorFlow" not in to_keras(plan("conv 8 3 2x1" + END, "8x8x3", 2))


def test_strides_with_dilation_which_keras_refuses_are_no_design_to_begin_with() -> None:
    with pytest.raises(DesignError, match="strides and dilation_rate are both above 1"):
        plan("conv 8 3 2 dilation_rate=2" + END, "8x8x3", 2)


@BOTH
def test_resnet152_stays_readable(write) -> None:
    lines = write(plan("resnet152", "224x224x3", 1000)).splitlines()
    assert len(lines) < 350
    assert max(map(len, lines)) <= 100


@BOTH
def test_many_branches_and_long_names_fit_in_100_columns(write) -> None:
    branch = "  branch\n    separable 6 3x5 2x2 same leaky_relu depth_multiplier=2 use_bias=false\n"
    loops = "repeat 700\n  repeat 9\n    depthwise 4 same leaky_relu\n"
    text = f"concat\n{branch * 64}add\n{branch * 9}{loops}flatten\ndense classes\n"
    written = write(plan(text, "16x16x3", 10))
    compile(written, "printed.py", "exec")
    assert max(map(len, written.splitlines())) <= 100


def all_plans() -> list[Plan]:
    designs = DESIGNS.read_text(encoding="utf-8").split("\n\n")
    made = [plan(text, text.split()[1], int(text.split()[2])) for text in designs]
    branch = "  branch\n    separable 6 3x5 2x2 same leaky_relu depth_multiplier=2 use_bias=false\n"
    wide = f"concat\n{branch * 20}add\n{branch * 7}flatten\ndense classes\n"
    banks = "fixed gabor same | fixed classic 4" + END
    made += [plan(text, "32x32x3", 10) for text in (wide, banks)]
    return made + [plan(name, zoo.entry(name).image, 10) for name in zoo.names()]


@pytest.fixture(scope="module")
def ruff() -> list[str]:
    pytest.importorskip("ruff")
    return [sys.executable, "-m", "ruff"]


@BOTH
def test_printed_programs_are_formatted_and_without_lint(
    write, ruff: list[str], tmp_path: Path
) -> None:
    for number, made in enumerate(all_plans()):
        (tmp_path / f"network{number}.py").write_text(write(made), encoding="utf-8")
    options = ["--isolated", "--no-cache", "--line-length", "100", str(tmp_path)]
    done = subprocess.run([*ruff, "format", "--diff", *options], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    rules = ["--select", "E,F,I,B,PT,SIM,C4"]
    done = subprocess.run([*ruff, "check", *rules, *options], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_printing_needs_neither_keras_nor_torch() -> None:
    code = (
        "import sys; from convwise.design.plan import plan; from convwise.design.source import *;"
        "p = plan('resnet20', '32x32x3', 10); to_keras(p); to_torch(p);"
        "assert not {'torch', 'keras'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
