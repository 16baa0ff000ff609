"""fast: the network to start with, made for a CPU.

It pools before its first activation, when a map is largest, so that the costly steps work on a
quarter of the values; pooling and relu may change places, as both keep the order of values.
"""

from convwise.design.zoo.entry import ZooEntry

ENTRY = ZooEntry(
    name="fast",
    title="convwise's own: good accuracy in minutes without a GPU",
    year=2026,
    paper=None,
    image=(28, 28, 1),
    params=None,
    text="""\
conv 32 3 same use_bias=false
maxpool 2
norm
relu
conv 64 3 same use_bias=false
maxpool 2
norm
relu
conv 128 3 same use_bias=false
maxpool 2
norm
relu
residual
  conv 128 3 same norm relu
global_maxpool
dense classes
""",
)
