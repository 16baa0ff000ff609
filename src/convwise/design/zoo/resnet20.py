"""resnet20: the 20-layer residual network for small images.

Three stages of three blocks with 16, 32 and 64 channels; stages two and three start with a stride
instead of pooling; shortcuts have no weights (option A). At 32×32×3 and 10 classes that makes
269,722 weights to train, and 1,376 running averages beside them.
"""

from convwise.design.zoo.entry import ZooEntry

ENTRY = ZooEntry(
    name="resnet20",
    title="the 20-layer residual network for small images",
    year=2015,
    paper="He, Zhang, Ren and Sun, Deep residual learning for image recognition, section 4.2",
    image=(32, 32, 3),
    params=271_098,
    text="""\
conv 16 3 same norm relu
repeat 3
  residual identity
    conv 16 3 same norm relu
    conv 16 3 same norm
  relu
residual identity
  conv 32 3 2 same norm relu
  conv 32 3 same norm
relu
repeat 2
  residual identity
    conv 32 3 same norm relu
    conv 32 3 same norm
  relu
residual identity
  conv 64 3 2 same norm relu
  conv 64 3 same norm
relu
repeat 2
  residual identity
    conv 64 3 same norm relu
    conv 64 3 same norm
  relu
global_avgpool
dense classes
""",
)
