"""What a printed torch program brings along, as torch has none of its kind."""

from __future__ import annotations

FIXED = '''\
def fixed_filters(channels, filters, **options):
    """Return a convolution with the same filters for every channel; it does not learn."""
    kernel = torch.tensor(filters, dtype=torch.float32).repeat(channels, 1, 1)[:, None]
    size = tuple(kernel.shape[2:])
    layer = nn.Conv2d(channels, len(kernel), size, groups=channels, bias=False, **options)
    layer.weight = nn.Parameter(kernel, requires_grad=False)
    return layer'''

MEAN = '''\
def mean_of_present(pool, x, pad):
    """Pool a padded map over its own pixels alone, as Keras does with padding="same"."""
    return pool(F.pad(x, pad)) / pool(F.pad(torch.ones_like(x), pad))'''

BLUR = '''\
class BlurPool2d(nn.Module):
    """The weighted mean of each window (Zhang 2019), over the pixels that exist."""

    def __init__(self, down, along, strides, pad):
        super().__init__()
        kernel = torch.outer(torch.tensor(down), torch.tensor(along))
        self.register_buffer("kernel", kernel[None, None], persistent=False)
        self.strides, self.pad = strides, pad

    def forward(self, x):
        return self.blur(x) / self.blur(torch.ones_like(x))

    def blur(self, x):
        """Return the weighted sums, to which pixels outside the map add nothing."""
        kernel = self.kernel.repeat(x.shape[1], 1, 1, 1)
        return F.conv2d(F.pad(x, self.pad), kernel, stride=self.strides, groups=x.shape[1])'''

FIRST_WEIGHTS = """\
        # First weights as in Keras: Glorot's uniform ones, and biases of zero.
        for layer in self.modules():
            if isinstance(layer, (nn.Conv2d, nn.Linear)) and layer.weight.requires_grad:
                nn.init.xavier_uniform_(layer.weight)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)"""
