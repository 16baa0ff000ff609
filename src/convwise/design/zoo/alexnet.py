"""alexnet, and alexnet-small for images of 28 to 64 pixels.

``alexnet`` is the one-tower variant of 2014, not the two towers of 2012: five convolutions, three
overlapping poolings and three dense layers, which hold 58.6 million of its 61,100,840 weights (at
224×224×3 and 1000 classes). It follows today's libraries, and they the author's released
configuration: the fourth convolution has 256 filters, where the paper's footnote 1 says 384. The
zeros around the image are explicit, two on each side. The libraries' adaptive pooling to 6×6 does
nothing at 224 pixels and is left out.

``alexnet-small`` is our own cut of it: the same five convolutions and three poolings, with a 5×5
window at every pixel in place of 11×11 at every fourth, and dense layers of 512.
"""

from convwise.design.zoo.entry import ZooEntry

ENTRY = ZooEntry(
    name="alexnet",
    title="AlexNet in one tower: large windows, overlapping pooling, dropout",
    year=2014,
    paper="Krizhevsky, One weird trick for parallelizing convolutional neural networks",
    image=(224, 224, 3),
    classes=1000,
    params=61_100_840,
    text="""\
zeropad 2
conv 64 11 4 relu
maxpool 3 2
conv 192 5 same relu
maxpool 3 2
conv 384 3 same relu
conv 256 3 same relu
conv 256 3 same relu
maxpool 3 2
flatten
dropout 0.5
dense 4096 relu
dropout 0.5
dense 4096 relu
dense classes
""",
)

SMALL = ZooEntry(
    name="alexnet-small",
    title="AlexNet's five convolutions and three poolings for small images",
    year=2014,
    paper="after Krizhevsky, One weird trick for parallelizing convolutional neural networks",
    image=(32, 32, 3),
    params=3_899_210,
    text="""\
conv 64 5 same relu
maxpool 3 2
conv 192 5 same relu
maxpool 3 2
conv 384 3 same relu
conv 256 3 same relu
conv 256 3 same relu
maxpool 3 2
flatten
dropout 0.5
dense 512 relu
dropout 0.5
dense 512 relu
dense classes
""",
)
