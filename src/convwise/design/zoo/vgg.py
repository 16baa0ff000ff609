"""vgg11, vgg13, vgg16 and vgg19, and vgg-small for images of 28 to 64 pixels.

Five stages of 3×3 convolutions and a pooling, with 64 to 512 channels, then three dense layers
(Simonyan and Zisserman, table 1, columns A, B, D and E). At 224×224×3 and 1000 classes they have
132,863,336, 133,047,848, 138,357,544 and 143,667,240 weights; the paper's table 2 rounds them to
133, 133, 138 and 144 million. There is no normalisation: it was not known yet. Dropout follows the
first two dense layers (section 3.1).

``vgg-small`` is our own cut: three stages of two convolutions, each stage with twice the channels
at half the size. Batch normalisation and the global average came later than VGG; they make it
train fast and lean.
"""

from collections.abc import Sequence

from convwise.design.zoo.entry import ZooEntry

_PAPER = (
    "Simonyan and Zisserman, Very deep convolutional networks for large-scale image recognition"
)
_CHANNELS = (64, 128, 256, 512, 512)
_HEAD = """\
flatten
dense 4096 relu
dropout 0.5
dense 4096 relu
dropout 0.5
dense classes
"""


def _entry(depth: int, convolutions: Sequence[int], params: int) -> ZooEntry:
    stages = [
        f"conv {channels} 3 same relu\n" * count + "maxpool 2\n"
        for channels, count in zip(_CHANNELS, convolutions, strict=True)
    ]
    return ZooEntry(
        name=f"vgg{depth}",
        title=f"VGG-{depth}: 3×3 convolutions, {depth} layers with weights",
        year=2014,
        paper=_PAPER,
        image=(224, 224, 3),
        classes=1000,
        params=params,
        text="".join(stages) + _HEAD,
    )


ENTRIES = (
    _entry(11, (1, 1, 2, 2, 2), 132_863_336),
    _entry(13, (2, 2, 2, 2, 2), 133_047_848),
    _entry(16, (2, 2, 3, 3, 3), 138_357_544),
    _entry(19, (2, 2, 4, 4, 4), 143_667_240),
)

SMALL = ZooEntry(
    name="vgg-small",
    title="three stages of 3×3 convolutions and pooling, after VGG",
    year=2014,
    paper=_PAPER,
    image=(28, 28, 1),
    params=288_170,
    text="""\
conv 32 3 same norm relu
conv 32 3 same norm relu
maxpool 2
conv 64 3 same norm relu
conv 64 3 same norm relu
maxpool 2
conv 128 3 same norm relu
conv 128 3 same norm relu
maxpool 2
global_avgpool
dense classes
""",
)
