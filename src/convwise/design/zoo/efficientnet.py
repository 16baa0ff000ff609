"""efficientnet-lite0: EfficientNet without what small machines are slow at.

The blocks of EfficientNet-B0 (Tan and Le, table 1), with relu6 in place of swish and without
squeeze-and-excitation, as released by Google in 2020. At 224×224×3 and 1000 classes training
changes 4,652,008 weights; 42,016 running averages come on top. Padding is TensorFlow's ``same``;
normalisation has Keras's defaults, which are also the release's momentum 0.99 and epsilon 1e-3.
In training, the release also leaves whole blocks out at random, which is no layer here.
"""

from collections.abc import Iterator

from convwise.design.zoo.entry import ZooEntry

# (channels, blocks, window, strides of the first block): the rows of table 1 after the first.
_STAGES = (
    (24, 2, 3, 2),
    (40, 2, 5, 2),
    (80, 3, 3, 2),
    (112, 3, 5, 1),
    (192, 4, 5, 2),
    (320, 1, 3, 1),
)


def _lines() -> Iterator[str]:
    yield "conv 32 3 2 same norm relu6\n"
    yield "depthwise 3 same norm relu6\nconv 16 1 norm\n"
    channels = 16
    for filters, blocks, window, strides in _STAGES:
        yield "".join(_block(channels, filters, f"{window} {strides}" if strides > 1 else window))
        channels = filters
        if blocks > 1:
            yield f"repeat {blocks - 1}\n  residual\n"
            yield "".join(f"    {line}" for line in _block(channels, filters, window))
    yield "conv 1280 1 norm relu6\nglobal_avgpool\ndropout 0.2\ndense classes\n"


def _block(channels: int, filters: int, window: int | str) -> tuple[str, str, str]:
    return (
        f"conv {6 * channels} 1 norm relu6\n",
        f"depthwise {window} same norm relu6\n",
        f"conv {filters} 1 norm\n",
    )


ENTRY = ZooEntry(
    name="efficientnet-lite0",
    title="EfficientNet-Lite0: found by search, trimmed for small machines",
    year=2020,
    paper="Tan and Le, EfficientNet: Rethinking model scaling for convolutional neural networks "
    "(2019); the Lite variants were released in 2020",
    image=(224, 224, 3),
    classes=1000,
    params=4_652_008,
    text="".join(_lines()),
)
