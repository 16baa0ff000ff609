"""resnet20, resnet32 and resnet56: residual networks for small images.

Three stages of n blocks with 16, 32 and 64 channels; stages two and three start with a stride
instead of pooling; shortcuts have no weights (option A). 6n + 2 layers have weights: n = 3, 5 and
9. At 32×32×3 and 10 classes that makes 269,722, 464,154 and 853,018 weights to train, which the
paper's table 6 rounds to 0.27, 0.46 and 0.85 million; 1,376, 2,272 and 4,064 running averages
stand beside them.
"""

from convwise.design.zoo.entry import ZooEntry

_BLOCK = """\
residual identity
  conv {channels} 3{strides} same norm relu
  conv {channels} 3 same norm
relu
"""


def _entry(blocks: int, params: int) -> ZooEntry:
    depth = 6 * blocks + 2
    text = "conv 16 3 same norm relu\n" + _repeated(16, blocks)
    for channels in (32, 64):
        text += _BLOCK.format(channels=channels, strides=" 2") + _repeated(channels, blocks - 1)
    return ZooEntry(
        name=f"resnet{depth}",
        title=f"the {depth}-layer residual network for small images",
        year=2015,
        paper="He, Zhang, Ren and Sun, Deep residual learning for image recognition, section 4.2",
        image=(32, 32, 3),
        params=params,
        text=text + "global_avgpool\ndense classes\n",
    )


def _repeated(channels: int, times: int) -> str:
    block = _BLOCK.format(channels=channels, strides="").splitlines(keepends=True)
    return f"repeat {times}\n" + "".join(f"  {line}" for line in block)


ENTRIES = (_entry(3, 269_722), _entry(5, 464_154), _entry(9, 853_018))
