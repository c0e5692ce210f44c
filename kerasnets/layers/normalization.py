"""Local response normalization and batch normalization, by TensorFlow's own kernels where it runs."""

from typing import Any

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable("kerasnets")
class LocalResponseNormalization(layers.Layer):
    """Divide each activation by its neighbours across channels (Krizhevsky 2012, section 3.3).

    b = a / (bias + alpha · Σ a²)^beta, the sum running over 2 · depth_radius + 1 adjacent channels. Alpha is
    not divided by their number, as in the paper and in `tf.nn.local_response_normalization`; Caffe and
    PyTorch divide it. Computed in float32 whatever the precision, on TensorFlow by that kernel.

    Args:
        depth_radius: neighbours on each side, n / 2 in the paper's letters.
        bias: the paper's k, above 0.
        alpha: the paper's α.
        beta: the paper's β.

    Shapes: (N, H, W, C) to the same. No parameters.
    """

    def __init__(
        self,
        depth_radius: int = 2,
        bias: float = 2.0,
        alpha: float = 1e-4,
        beta: float = 0.75,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.depth_radius = depth_radius
        self.bias = bias
        self.alpha = alpha
        self.beta = beta

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """Return the normalized activations."""
        normalize = self._by_kernel if keras.backend.backend() == "tensorflow" else self._by_operations
        return ops.cast(normalize(ops.cast(x, "float32")), self.compute_dtype)

    def _by_kernel(self, x: keras.KerasTensor) -> keras.KerasTensor:
        import tensorflow as tf

        return tf.nn.local_response_normalization(x, self.depth_radius, self.bias, self.alpha, self.beta)

    def _by_operations(self, x: keras.KerasTensor) -> keras.KerasTensor:
        channels = x.shape[-1]
        squares = ops.pad(ops.square(x), [(0, 0)] * 3 + [(self.depth_radius,) * 2])
        total = sum(squares[..., shift : shift + channels] for shift in range(2 * self.depth_radius + 1))
        return x * ops.power(self.bias + self.alpha * total, -self.beta)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the input's shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of this layer."""
        names = ("depth_radius", "bias", "alpha", "beta")
        return super().get_config() | {name: getattr(self, name) for name in names}


class BatchNormalization(layers.BatchNormalization):
    """Keras's BatchNormalization (Ioffe 2015), on the fused kernel where TensorFlow trains on images.

    Same arguments, variables, outputs and moving statistics; about half the time, because Keras takes the
    moments by separate operations. Other backends, `synchronized=True` and whatever the kernel cannot do take
    Keras's own way.
    """

    # what serialization reads: a saved model names Keras's class, and loads where kerasnets is not installed
    __class__ = property(lambda self: layers.BatchNormalization)

    def call(
        self,
        inputs: keras.KerasTensor,
        training: bool | None = None,
        mask: keras.KerasTensor | None = None,
    ) -> keras.KerasTensor:
        """Return the normalized activations; in training, update the moving statistics."""
        if not (training and self.trainable and self._fused(inputs, mask)):
            return super().call(inputs, training=training, mask=mask)
        import tensorflow as tf

        channels = inputs.shape[-1]
        gamma = self.gamma if self.scale else tf.ones(channels)
        beta = self.beta if self.center else tf.zeros(channels)
        y, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            inputs, tf.cast(gamma, "float32"), tf.cast(beta, "float32"), epsilon=self.epsilon
        )
        # the kernel gives the unbiased variance, Keras keeps the biased one
        count = tf.cast(tf.size(inputs) // channels, variance.dtype)
        variance *= (count - 1) / count
        for moving, now in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + now * (1 - self.momentum))
        return y

    def _fused(self, inputs: keras.KerasTensor, mask: keras.KerasTensor | None) -> bool:
        on_images = len(inputs.shape) == 4 and self.axis in (-1, 3) and mask is None
        plain = not (self.synchronized or self.renorm)
        return keras.backend.backend() == "tensorflow" and on_images and plain
