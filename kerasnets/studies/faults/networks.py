"""The small networks that the programs train."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from kerasnets.studies.faults.program import Data


def dense_network(
    data: Data,
    widths: Sequence[int],
    units: int,
    *,
    last: str | None = None,
    activation: str | None = "relu",
    initializer: Any = "glorot_uniform",
    dropout: float = 0.0,
    normalized: bool = False,
    regularizer: Any = None,
) -> keras.Model:
    """Return dense layers, one after the other, for inputs of any shape.

    Args:
        data: it gives the shape of the inputs.
        widths: units of the hidden layers.
        units: units of the last layer.
        last: activation of the last layer.
        activation: of the hidden layers.
        initializer: of the hidden layers' kernels.
        dropout: rate after each hidden layer.
        normalized: whether batch normalization stands before each activation.
        regularizer: of the hidden layers' kernels.
    """
    x = inputs = keras.Input(data.x.shape[1:])
    x = layers.Flatten()(x) if data.x.ndim > 2 else x
    for width in widths:
        kernel = {"kernel_initializer": _copy(initializer), "kernel_regularizer": regularizer}
        if normalized:
            x = layers.Dense(width, use_bias=False, **kernel)(x)
            x = layers.Activation(activation)(layers.BatchNormalization()(x))
        else:
            x = layers.Dense(width, activation=activation, **kernel)(x)
        x = layers.Dropout(dropout)(x) if dropout else x
    return keras.Model(inputs, layers.Dense(units, activation=last)(x))


def convolution_network(
    data: Data,
    filters: Sequence[int],
    units: int,
    *,
    last: str | None = None,
    activation: str | None = "relu",
    initializer: Any = "glorot_uniform",
    dropout: float = 0.0,
    hidden: int = 32,
) -> keras.Model:
    """Return 3x3 convolutions, each with a pooling, a hidden dense layer and a last one.

    Args:
        data: it gives the shape of the images.
        filters: of the convolutions.
        units: units of the last layer.
        last: activation of the last layer.
        activation: of the others.
        initializer: of the others' kernels.
        dropout: rate after each pooling and the hidden layer.
        hidden: units of the hidden dense layer.
    """
    x = inputs = keras.Input(data.x.shape[1:])
    options = {"activation": activation}
    for count in filters:
        x = layers.Conv2D(count, 3, padding="same", kernel_initializer=_copy(initializer), **options)(x)
        x = layers.MaxPooling2D(2)(x)
        x = layers.Dropout(dropout)(x) if dropout else x
    x = layers.Dense(hidden, kernel_initializer=_copy(initializer), **options)(layers.Flatten()(x))
    x = layers.Dropout(dropout)(x) if dropout else x
    return keras.Model(inputs, layers.Dense(units, activation=last)(x))


def compiled(
    model: keras.Model, loss: Any, optimizer: Any = "adam", rate: float | None = None
) -> keras.Model:
    """Compile a model; accuracy is measured, of numbers their mean absolute error.

    Args:
        model: any.
        loss: as Keras takes it.
        optimizer: as Keras takes it.
        rate: its learning rate; by default as it comes.
    """
    optimizer = keras.optimizers.get(optimizer)
    if rate is not None:
        optimizer.learning_rate = rate
    numbers = isinstance(loss, str) and loss.startswith("mean_") and model.output_shape[-1] == 1
    model.compile(optimizer, loss, metrics=["mae" if numbers else "accuracy"])
    return model


def _copy(initializer: Any) -> Any:
    """Return a fresh initializer: Keras gives the same numbers whenever one is asked again."""
    return initializer if isinstance(initializer, str) else initializer.clone()
