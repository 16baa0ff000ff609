"""model-c, strided-cnn-c, convpool-cnn-c and all-cnn-c: is pooling needed?

The four networks of Springenberg et al. that answer it, for 32×32×3 and 10 classes. Model C (table
1) pools twice. Its siblings (table 2) drop the pooling and give the convolution before it a stride
(Strided-CNN-C), put one convolution more before it (ConvPool-CNN-C), or let that convolution, with
its stride, take the place of pooling (All-CNN-C). Maps are padded, except before the last 3×3
convolution, which leaves the 6×6 that the paper averages. Dropout is 0.2 on the image and 0.5 after
each pooling, or what stands in its place (section 3).

Counted from the tables they have 954,730, 954,730, 1,369,738 and 1,369,738 weights. The paper's
table 3 gives about 1.4 million for the last two, which agrees, and about 1.3 million for the first
two, which its own table 1 does not yield; the networks here follow the tables of layers.

The paper's last 1×1 convolution gives a map a class, which is then averaged; the average first and
a dense layer then is the same sum with the same weights. Its relu before that average is left out,
as scores of classes should be free to fall below zero.
"""

from convwise.design.zoo.entry import ZooEntry

_PAPER = (
    "Springenberg, Dosovitskiy, Brox and Riedmiller, Striving for simplicity: "
    "The all convolutional net"
)
_HEAD = """\
conv 192 3 relu
conv 192 1 relu
global_avgpool
dense classes
"""


def _entry(
    name: str, title: str, convolutions: int, *, pooling: bool, strided: bool, params: int
) -> ZooEntry:
    text = "dropout 0.2\n"
    for channels in (96, 192):
        text += f"conv {channels} 3 same relu\n" * (convolutions - strided)
        text += f"conv {channels} 3 2 same relu\n" * strided
        text += "maxpool 3 2 same\n" * pooling + "dropout 0.5\n"
    return ZooEntry(
        name=name,
        title=title,
        year=2014,
        paper=_PAPER,
        image=(32, 32, 3),
        params=params,
        text=text + _HEAD,
    )


ENTRIES = (
    _entry(
        "model-c",
        "Model C: the pooling network that its three siblings change",
        2,
        pooling=True,
        strided=False,
        params=954_730,
    ),
    _entry(
        "strided-cnn-c",
        "Strided-CNN-C: Model C with strides instead of pooling",
        2,
        pooling=False,
        strided=True,
        params=954_730,
    ),
    _entry(
        "convpool-cnn-c",
        "ConvPool-CNN-C: Model C with a convolution more before each pooling",
        3,
        pooling=True,
        strided=False,
        params=1_369_738,
    ),
    _entry(
        "all-cnn-c",
        "All-CNN-C: convolutions with strides take the place of pooling",
        3,
        pooling=False,
        strided=True,
        params=1_369_738,
    ),
)
