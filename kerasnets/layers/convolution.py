"""Convolution whose kernel gradient is a few large matrix products, where oneDNN's own is slow."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import keras
from keras import layers

if TYPE_CHECKING:
    import tensorflow as tf

LEAST_WIDTH, LEAST_CHANNELS = 50, 32
"""Least size of maps on which products are faster: on two AVX2 cores 1.2 times at 56 pixels, 2.4 at 224."""


class Conv2D(layers.Conv2D):
    """Keras's Conv2D, trained faster on large maps by a CPU without AVX-512.

    Same arguments, variables and outputs; the gradient of the kernel is the same sum in another order. Other
    backends, GPUs and small maps take Keras's own way.
    """

    # what serialization reads: a saved model names Keras's class, and loads where kerasnets is not installed
    __class__ = property(lambda self: layers.Conv2D)

    def call(self, inputs: keras.KerasTensor, training: bool | None = None) -> keras.KerasTensor:
        """Return the convolution with bias and activation, (N, H, W, filters)."""
        if not training and self.groups > 1 and keras.backend.backend() == "tensorflow":
            return self._of_groups(inputs)
        if not (training and self._products_are_faster(inputs)):
            return super().call(inputs)
        import tensorflow as tf

        outputs = _convolution(inputs, tf.convert_to_tensor(self.kernel))
        return self.activation(tf.nn.bias_add(outputs, self.bias) if self.use_bias else outputs)

    def _of_groups(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        """Convolve each group of channels by itself.

        On TensorFlow Keras compiles grouped convolutions by XLA, which no other runtime reads from an export.
        """
        axis = -1 if self.data_format == "channels_last" else 1
        kernels = keras.ops.split(self.kernel, self.groups, axis=-1)
        parts = zip(keras.ops.split(inputs, self.groups, axis=axis), kernels, strict=True)
        outputs = keras.ops.concatenate([self.convolution_op(*each) for each in parts], axis=axis)
        if self.use_bias:
            shape = [1] * len(outputs.shape)
            shape[axis] = self.filters
            outputs += keras.ops.reshape(self.bias, shape)
        return self.activation(outputs)

    def _products_are_faster(self, inputs: keras.KerasTensor) -> bool:
        plain = (self.kernel_size, self.strides, self.dilation_rate) == ((3, 3), (1, 1), (1, 1))
        plain = plain and self.padding == "same" and self.groups == 1 and self.data_format == "channels_last"
        _, height, width, channels = inputs.shape
        large = None not in (height, width) and width >= LEAST_WIDTH and channels >= LEAST_CHANNELS
        single = self.compute_dtype == "float32" and keras.backend.backend() == "tensorflow"
        return plain and large and single and _trains_on_avx2()


def kernel_gradient(x: "tf.Tensor", gradient: "tf.Tensor", size: tuple[int, int]) -> "tf.Tensor":
    """Return the gradient of a "same" convolution's kernel at stride 1, one matrix product for each tap.

    With zeros between the rows of both inputs, and all pixels in one row, a tap is the product of the pixels'
    matrix, from the tap's offset on, with the matrix of the gradient. One image after the other, so that the
    copies stay small.

    Args:
        x: what is convolved, (N, H, W, C), of which only N may be unknown.
        gradient: gradient of the convolution's outputs, (N, H, W, O).
        size: (height, width) of the kernel in pixels, both odd.

    Returns:
        Gradient of the kernel, (height, width, C, O).
    """
    import tensorflow as tf

    (height, width), channels, filters = size, x.shape[-1], gradient.shape[-1]
    top, left = height // 2, width // 2
    row = x.shape[2] + left  # the zeros to the left of a row are also those to the right of the row before
    count = (x.shape[1] + top) * row

    def add(image: tf.Tensor, total: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        pixels = tf.reshape(tf.pad(x[image], ((top, 0), (left, 0), (0, 0))), (count, channels))
        slopes = tf.reshape(tf.pad(gradient[image], ((0, top), (0, left), (0, 0))), (count, filters))
        offsets = [down * row + right for down in range(height) for right in range(width)]
        # what lies behind the last pixel counts as zero
        taps = [tf.matmul(pixels[at:], slopes[: max(count - at, 0)], transpose_a=True) for at in offsets]
        return image + 1, total + tf.stack(taps)

    start = 0, tf.zeros((height * width, channels, filters), x.dtype)
    images = tf.shape(x)[0]
    _, total = tf.while_loop(lambda image, _: image < images, add, start, parallel_iterations=1)
    return tf.reshape(total, (height, width, channels, filters))


def _convolution(x: "tf.Tensor", kernel: "tf.Tensor") -> "tf.Tensor":
    import tensorflow as tf

    @tf.custom_gradient
    def convolve(x: tf.Tensor, kernel: tf.Tensor) -> tuple:
        def gradients(gradient: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            back = tf.nn.conv2d_transpose(gradient, kernel, tf.shape(x), strides=1)
            return back, kernel_gradient(x, gradient, kernel.shape[:2])

        return tf.nn.conv2d(x, kernel, strides=1, padding="SAME"), gradients

    return convolve(x, kernel)


def _trains_on_avx2() -> bool:
    """Return whether TensorFlow computes on the CPU, and oneDNN finds AVX2 on it but no AVX-512."""
    import tensorflow as tf

    if tf.config.list_physical_devices("GPU"):
        return False
    if os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper().startswith("AVX2"):
        return True
    described = Path("/proc/cpuinfo")  # Linux only; elsewhere Keras's own way is taken
    flags = described.read_text().split() if described.is_file() else []
    return "avx2" in flags and "avx512f" not in flags
