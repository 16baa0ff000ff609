"""keras-convnet: the network of Keras's first example for images."""

from convwise.design.zoo.entry import ZooEntry

ENTRY = ZooEntry(
    name="keras-convnet",
    title="the network of the Keras example Simple MNIST convnet",
    year=2015,
    paper="Chollet, Simple MNIST convnet (Keras code examples)",
    image=(28, 28, 1),
    params=34_826,
    text="""\
conv 32 3 relu
maxpool 2
conv 64 3 relu
maxpool 2
flatten
dropout 0.5
dense classes
""",
)
