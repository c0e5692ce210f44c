"""What checks and rules must know of any Keras model: its layers in order, and how it is trained."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from kerasnets.diagnosis.checks.labels import class_shares, count_classes
from kerasnets.diagnosis.checks.loss_kind import LossKind, loss_kind
from kerasnets.diagnosis.facts import Facts
from kerasnets.diagnosis.outline import LayerOutline
from kerasnets.layers.paths import layer_paths

ACTIVATION_LAYERS: Mapping[type, str] = {
    keras.layers.ReLU: "relu",
    keras.layers.LeakyReLU: "leaky_relu",
    keras.layers.PReLU: "prelu",
    keras.layers.ELU: "elu",
    keras.layers.Softmax: "softmax",
}
"""Layers that are an activation of one name."""

RANDOM_IMAGES = (
    *(keras.layers.RandomFlip, keras.layers.RandomCrop, keras.layers.RandomRotation),
    *(keras.layers.RandomTranslation, keras.layers.RandomZoom, keras.layers.RandomContrast),
    keras.layers.RandomBrightness,
)
"""Layers that augment images."""

DROPOUT = (
    *(keras.layers.Dropout, keras.layers.SpatialDropout1D, keras.layers.SpatialDropout2D),
    *(keras.layers.SpatialDropout3D, keras.layers.GaussianDropout, keras.layers.AlphaDropout),
)
"""Layers that drop activations out."""


def outline(model: keras.Model) -> tuple[LayerOutline, ...]:
    """Return a model's layers, those of nested models too, in the model's order.

    Args:
        model: functional, sequential or subclassed. Layers that are not built yet have no kernel.
    """
    return tuple(
        LayerOutline(
            path=path,
            kind=type(layer).__name__,
            activation=activation_name(layer),
            kernel=_kernel_shape(layer),
            parameters=sum(int(np.prod(weight.shape)) for weight in layer.weights),
            trainable=bool(layer.trainable_weights) or (layer.trainable and not layer.weights),
        )
        for path, layer in layer_paths(model).items()
    )


def activation_name(layer: keras.Operation) -> str | None:
    """Return the name of a layer's activation, "linear" where it does nothing; None where it has none."""
    for kind, name in ACTIVATION_LAYERS.items():
        if isinstance(layer, kind):
            return name
    activation = getattr(layer, "activation", None)
    if activation is None:
        return None
    return getattr(activation, "__name__", None) or getattr(activation, "name", type(activation).__name__)


def model_facts(
    model: keras.Model,
    x: Any = None,
    y: Any = None,
    *,
    loss: LossKind | None = None,
    batch_size: int | None = None,
    epochs: int | None = None,
) -> Facts:
    """Return what a compiled model and its training data tell of a training.

    Args:
        model: a Keras model; what `compile` was not called with stays unknown.
        x: training inputs, arrays of N examples.
        y: their labels: one-hot (N, C), class numbers (N,), or numbers.
        loss: of a training whose loss `compile` was not given.
        batch_size: examples in an optimizer step.
        epochs: of the whole training.
    """
    loss = loss or loss_kind(model)
    optimizer = getattr(model, "optimizer", None)
    labels = None if y is None else keras.tree.flatten(y)[0]
    layers = list(layer_paths(model).values())
    examples = None if x is None else len(keras.tree.flatten(x)[0])
    return Facts(
        classes=count_classes(labels, loss),
        class_shares=class_shares(labels, loss),
        training_examples=examples,
        batch_size=batch_size,
        epochs=epochs,
        optimizer=None if optimizer is None else type(optimizer).__name__.lower(),
        learning_rate=None
        if optimizer is None
        else float(keras.ops.convert_to_numpy(optimizer.learning_rate)),
        loss=loss.name,
        l2=_decays(layers, optimizer),
        dropout=any(isinstance(layer, DROPOUT) and getattr(layer, "rate", 1) > 0 for layer in layers),
        augmented=any(isinstance(layer, RANDOM_IMAGES) for layer in layers) or None,
        label_smoothing=loss.label_smoothing,
    )


def _kernel_shape(layer: keras.Layer) -> tuple[int, ...] | None:
    try:
        kernel: Any = getattr(layer, "kernel", None)
    except ValueError:  # Keras refuses it before the layer is built
        return None
    shape = getattr(kernel, "shape", None)
    return None if shape is None else tuple(shape)


def _decays(layers: list[keras.Layer], optimizer: keras.optimizers.Optimizer | None) -> bool:
    regularized = any(getattr(layer, "kernel_regularizer", None) is not None for layer in layers)
    return regularized or bool(getattr(optimizer, "weight_decay", None))
