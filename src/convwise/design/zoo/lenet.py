"""lenet and lenet-5: LeNet-5, the network that read cheques.

Both have 61,706 weights, and the same maps from the first pooling on: ``lenet-5`` takes the
paper's 32×32 pixels and pads nothing, ``lenet`` takes 28×28 and pads its first convolution to the
same effect (``same``).

As today's libraries write it, pooling is a plain average without weights, all channels feed all
filters of the second convolution, and the radial units of the output are a dense layer; the
paper's own variants of these leave it about 60,000 weights (section II.B).
"""

from convwise.design.zoo.entry import ZooEntry

_PAPER = (
    "LeCun, Bottou, Bengio and Haffner, Gradient-based learning applied to document recognition"
)
_TEXT = """\
conv 6 5{padding} tanh
avgpool 2
conv 16 5 tanh
avgpool 2
flatten
dense 120 tanh
dense 84 tanh
dense classes
"""

ENTRIES = (
    ZooEntry(
        name="lenet",
        title="LeNet-5, the first widely used CNN, for 28×28 pixels",
        year=1998,
        paper=_PAPER,
        image=(28, 28, 1),
        params=61_706,
        text=_TEXT.format(padding=" same"),
    ),
    ZooEntry(
        name="lenet-5",
        title="LeNet-5 on the 32×32 pixels of its paper",
        year=1998,
        paper=_PAPER,
        image=(32, 32, 1),
        params=61_706,
        text=_TEXT.format(padding=""),
    ),
)
