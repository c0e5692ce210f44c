"""Convolution whose kernel gradient is a few large products of matrices where oneDNN's is slow."""

import os
from pathlib import Path

import keras
from keras import layers

LEAST_WIDTH, LEAST_CHANNELS = 50, 32
"""Of maps on which the products are faster: on two AVX2 cores 1.2 times at 56 pixels, 2.4 at 224."""


class Conv2D(layers.Conv2D):
    """Keras's Conv2D, trained faster on large maps by a CPU without AVX-512.

    Same arguments, variables and outputs; the gradient of the kernel is the same sum in another order. Other
    backends, GPUs and whatever `_products_are_faster` says no to take Keras's own way. A saved model names
    Keras's class, so that it loads where this package is not.
    """

    # what isinstance and serialization see, besides the true type
    __class__ = property(lambda self: layers.Conv2D)

    def call(self, inputs, training=None):
        """Return the convolution, biased and activated."""
        if not (training and self._products_are_faster(inputs)):
            return super().call(inputs)
        import tensorflow as tf

        outputs = _convolution(inputs, tf.convert_to_tensor(self.kernel))
        return self.activation(tf.nn.bias_add(outputs, self.bias) if self.use_bias else outputs)

    def _products_are_faster(self, inputs):
        plain = (self.kernel_size, self.strides, self.dilation_rate) == ((3, 3), (1, 1), (1, 1))
        plain = plain and self.padding == "same" and self.groups == 1 and self.data_format == "channels_last"
        _, height, width, channels = inputs.shape
        large = None not in (height, width) and width >= LEAST_WIDTH and channels >= LEAST_CHANNELS
        single = self.compute_dtype == "float32" and keras.backend.backend() == "tensorflow"
        return plain and large and single and _trains_on_avx2()


def kernel_gradient(x, gradient, size):
    """Return the gradient of a "same" convolution's kernel at stride 1, one product of matrices for each tap.

    With zeros between the rows of both sides, all pixels in a row, a tap is the product of the pixels'
    matrix, from the tap's offset on, with that of the gradient. One image after the other, so that their
    copies stay small.

    Args:
        x: what is convolved (N, H, W, C), a TensorFlow tensor of which only N may be unknown.
        gradient: of the convolution's outputs (N, H, W, O).
        size: (height, width) of the kernel, both odd.

    Returns:
        (height, width, C, O).
    """
    import tensorflow as tf

    (height, width), channels, filters = size, x.shape[-1], gradient.shape[-1]
    top, left = height // 2, width // 2
    row = x.shape[2] + left  # the zeros left of a row are those right of the row before, too
    count = (x.shape[1] + top) * row

    def add(image, total):
        pixels = tf.reshape(tf.pad(x[image], ((top, 0), (left, 0), (0, 0))), (count, channels))
        slopes = tf.reshape(tf.pad(gradient[image], ((0, top), (0, left), (0, 0))), (count, filters))
        offsets = [down * row + right for down in range(height) for right in range(width)]
        # what would lie behind the last pixel is zero
        taps = [tf.matmul(pixels[at:], slopes[: max(count - at, 0)], transpose_a=True) for at in offsets]
        return image + 1, total + tf.stack(taps)

    start = 0, tf.zeros((height * width, channels, filters), x.dtype)
    images = tf.shape(x)[0]
    _, total = tf.while_loop(lambda image, _: image < images, add, start, parallel_iterations=1)
    return tf.reshape(total, (height, width, channels, filters))


def _convolution(x, kernel):
    import tensorflow as tf

    @tf.custom_gradient
    def convolve(x, kernel):
        def gradients(gradient):
            back = tf.nn.conv2d_transpose(gradient, kernel, tf.shape(x), strides=1)
            return back, kernel_gradient(x, gradient, kernel.shape[:2])

        return tf.nn.conv2d(x, kernel, strides=1, padding="SAME"), gradients

    return convolve(x, kernel)


def _trains_on_avx2():
    """Return whether TensorFlow computes on this CPU, and oneDNN finds AVX2 on it but no AVX-512."""
    import tensorflow as tf

    if tf.config.list_physical_devices("GPU"):
        return False
    if os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper().startswith("AVX2"):
        return True
    described = Path("/proc/cpuinfo")  # of Linux; elsewhere oneDNN does as it always does
    flags = described.read_text().split() if described.is_file() else []
    return "avx2" in flags and "avx512f" not in flags
