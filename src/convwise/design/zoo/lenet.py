"""lenet: LeNet-5, the network that read cheques.

As today's libraries write it: the first convolution pads 28×28 images to the paper's 32×32
(``same``, so the count is 61,706 at 28×28×1), pooling is a plain average without weights, all
channels feed all filters of the second convolution, and the radial units of the output are a dense
layer.
"""

from convwise.design.zoo.entry import ZooEntry

ENTRY = ZooEntry(
    name="lenet",
    title="LeNet-5, the first widely used CNN",
    year=1998,
    paper="LeCun, Bottou, Bengio and Haffner, Gradient-based learning applied to document "
    "recognition",
    image=(28, 28, 1),
    params=61_706,
    text="""\
conv 6 5 same tanh
avgpool 2
conv 16 5 tanh
avgpool 2
flatten
dense 120 tanh
dense 84 tanh
dense classes
""",
)
