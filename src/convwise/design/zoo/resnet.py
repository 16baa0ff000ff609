"""resnet18, resnet34, resnet50, resnet101 and resnet152: residual networks for large images.

Four stages with 64 to 512 channels; each block adds its input to two 3×3 convolutions (18 and 34
layers) or to a 1×1, a 3×3 and a 1×1 convolution of four times the channels (He et al., table 1).
Shortcuts are projections where shapes differ (option B). At 224×224×3 and 1000 classes training
changes 11,689,512, 21,797,672, 25,557,032, 44,549,160 and 60,192,808 weights; running averages
(9,600, 17,024, 53,120, 105,344 and 151,424 numbers) come on top.

The strides of blocks of three stand on the 3×3 convolution (version 1.5, as in today's libraries;
the paper has them on the first 1×1; the count is the same). Maps are padded evenly on both sides,
which ``same`` does not do where there is a stride, so those zeros are layers of their own; the
pooling sees no value below zero, so that they never win there.
"""

from collections.abc import Sequence

from convwise.design.zoo.entry import ZooEntry

_NORM = "norm momentum=0.9 epsilon=1e-05\n"
_STEM = f"""\
zeropad 3
conv 64 7 2 use_bias=false
{_NORM}relu
zeropad 1
maxpool 3 2
"""


def _entry(depth: int, blocks: Sequence[int], params: int) -> ZooEntry:
    block = _block_of_two if depth < 50 else _block_of_three
    text = _STEM
    for channels, count in zip((64, 128, 256, 512), blocks, strict=True):
        text += block(channels, strides=1 if channels == 64 else 2)
        text += f"repeat {count - 1}\n" + _indented(block(channels))
    return ZooEntry(
        name=f"resnet{depth}",
        title=f"the {depth}-layer residual network, strides on its 3×3 convolutions (v1.5)",
        year=2015,
        paper="He, Zhang, Ren and Sun, Deep residual learning for image recognition, section 4.1",
        image=(224, 224, 3),
        classes=1000,
        params=params,
        text=text + "global_avgpool\ndense classes\n",
    )


def _block_of_two(channels: int, strides: int = 1) -> str:
    chain = f"{_three(channels, strides)}{_NORM}relu\n{_three(channels)}{_NORM}"
    return f"residual\n{_indented(chain)}relu\n"


def _block_of_three(channels: int, strides: int = 1) -> str:
    chain = f"{_one(channels)}{_NORM}relu\n{_three(channels, strides)}{_NORM}relu\n"
    return f"residual\n{_indented(chain + _one(4 * channels) + _NORM)}relu\n"


def _one(channels: int) -> str:
    return f"conv {channels} 1 use_bias=false\n"


def _three(channels: int, strides: int = 1) -> str:
    if strides == 1:
        return f"conv {channels} 3 same use_bias=false\n"
    return f"zeropad 1\nconv {channels} 3 {strides} use_bias=false\n"


def _indented(text: str) -> str:
    return "".join(f"  {line}" for line in text.splitlines(keepends=True))


ENTRIES = (
    _entry(18, (2, 2, 2, 2), 11_689_512),
    _entry(34, (3, 4, 6, 3), 21_797_672),
    _entry(50, (3, 4, 6, 3), 25_557_032),
    _entry(101, (3, 4, 23, 3), 44_549_160),
    _entry(152, (3, 8, 36, 3), 60_192_808),
)
