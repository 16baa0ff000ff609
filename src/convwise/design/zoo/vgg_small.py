"""vgg-small: VGG's idea at the size of small images.

Stages of two 3×3 convolutions, each stage with twice the channels at half the size. Batch
normalisation and the global average came later than VGG; they make it train fast and lean.
"""

from convwise.design.zoo.entry import ZooEntry

ENTRY = ZooEntry(
    name="vgg-small",
    title="three stages of 3×3 convolutions and pooling, after VGG",
    year=2014,
    paper="Simonyan and Zisserman, Very deep convolutional networks for large-scale image "
    "recognition",
    image=(28, 28, 1),
    params=289_066,
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
