"""Classes that a printed Keras program brings along, as Keras has none of their kind."""

from __future__ import annotations

EVERY_CHANNEL = '''\
@keras.saving.register_keras_serializable()
class EveryChannel(keras.initializers.Initializer):
    """The same filters, given as (filters, rows, columns), for every channel of the input."""

    def __init__(self, filters):
        self.filters = filters

    def __call__(self, shape, dtype=None):
        """Return a kernel of (rows, columns, channels, filters)."""
        filters = ops.convert_to_tensor(self.filters, dtype=dtype)
        kernel = ops.expand_dims(ops.transpose(filters, (1, 2, 0)), 2)
        return ops.tile(kernel, (1, 1, shape[2], 1))

    def get_config(self):
        return {"filters": self.filters}'''

BLUR = '''\
@keras.saving.register_keras_serializable()
class BlurPool2D(layers.Layer):
    """The binomially weighted mean of each window (Zhang 2019), over the pixels that exist."""

    def __init__(self, pool_size, strides, padding, **options):
        super().__init__(**options)
        self.size = (pool_size, pool_size) if isinstance(pool_size, int) else tuple(pool_size)
        self.strides, self.padding = strides, padding

    def call(self, x):
        return self.blur(x) / self.blur(ops.ones_like(x))

    def blur(self, x):
        """Return the weighted sums, to which pixels outside the map add nothing."""
        down, along = ([comb(n - 1, k) / 2 ** (n - 1) for k in range(n)] for n in self.size)
        kernel = [[[[a * b]] * x.shape[-1] for b in along] for a in down]
        kernel = ops.convert_to_tensor(kernel, dtype=x.dtype)
        return ops.depthwise_conv(x, kernel, self.strides, self.padding)

    def get_config(self):
        own = {"pool_size": self.size, "strides": self.strides, "padding": self.padding}
        return {**super().get_config(), **own}'''

AVERAGE = '''\
@keras.saving.register_keras_serializable()
class AverageOfPresent(layers.Layer):
    """AveragePooling2D with padding="same": the mean over the pixels of the map alone.

    Keras's own is the same on TensorFlow and JAX. On torch (seen in Keras 3.15) it counts pixels
    of the border twice where an odd number of them is padded.
    """

    def __init__(self, pool_size, strides, border, **options):
        super().__init__(**options)
        self.pool_size, self.strides, self.border = pool_size, strides, border

    def call(self, x):
        return self.mean(x) / self.mean(ops.ones_like(x))

    def mean(self, x):
        """Return means that take the border, ((top, bottom), (left, right)), for zeros."""
        padded = ops.pad(x, ((0, 0), *self.border, (0, 0)))
        return ops.average_pool(padded, self.pool_size, self.strides)

    def get_config(self):
        own = {"pool_size": self.pool_size, "strides": self.strides, "border": self.border}
        return {**super().get_config(), **own}'''
