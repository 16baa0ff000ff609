"""dense: no convolution at all, the baseline that images break.

It knows nothing of neighbours: an object that moves by a few pixels is a new object to it, and its
weights grow with the number of pixels.
"""

from convwise.design.zoo.entry import ZooEntry

ENTRY = ZooEntry(
    name="dense",
    title="one hidden dense layer: what a classifier is without convolutions",
    year=1986,
    paper="Rumelhart, Hinton and Williams, Learning representations by back-propagating errors",
    image=(28, 28, 1),
    params=101_770,
    text="""\
flatten
dense 128 relu
dense classes
""",
)
