"""mobilenetv2: inverted residuals, for telephones.

Each block widens its input six times by a 1×1 convolution, filters each channel on its own, and
narrows it again without an activation; blocks that keep their shape add their input (Sandler et
al., table 2). At 224×224×3 and 1000 classes training changes 3,504,872 weights, the paper's 3.4
million; 34,112 running averages come on top.

Details that the paper leaves open are those of today's libraries: zeros are even on both sides
where there is a stride, normalisation has epsilon 1e-5, and dropout is 0.2.
"""

from collections.abc import Iterator

from convwise.design.zoo.entry import ZooEntry

_NORM = "norm momentum=0.9 epsilon=1e-05\n"
# (widening, channels, blocks, strides of the first block): the rows of table 2.
_STAGES = (
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


def _lines() -> Iterator[str]:
    yield f"zeropad 1\nconv 32 3 2 use_bias=false\n{_NORM}relu6\n"
    yield _filtered(1) + _narrowed(16)
    channels = 16
    for widening, filters, blocks, strides in _STAGES:
        yield _widened(widening * channels) + _filtered(strides) + _narrowed(filters)
        channels = filters
        chain = _widened(widening * channels) + _filtered(1) + _narrowed(filters)
        if blocks > 1:
            yield f"repeat {blocks - 1}\n  residual\n"
            yield "".join(f"    {line}" for line in chain.splitlines(keepends=True))
    yield f"{_widened(1280)}global_avgpool\ndropout 0.2\ndense classes\n"


def _widened(filters: int) -> str:
    return f"conv {filters} 1 use_bias=false\n{_NORM}relu6\n"


def _filtered(strides: int) -> str:
    even = "depthwise 3 same use_bias=false\n"
    return (even if strides == 1 else "zeropad 1\ndepthwise 3 2 use_bias=false\n") + (
        f"{_NORM}relu6\n"
    )


def _narrowed(filters: int) -> str:
    return f"conv {filters} 1 use_bias=false\n{_NORM}"


ENTRY = ZooEntry(
    name="mobilenetv2",
    title="MobileNetV2: inverted residuals around depthwise convolutions",
    year=2018,
    paper="Sandler, Howard, Zhu, Zhmoginov and Chen, MobileNetV2: Inverted residuals and linear "
    "bottlenecks",
    image=(224, 224, 3),
    classes=1000,
    params=3_504_872,
    text="".join(_lines()),
)
