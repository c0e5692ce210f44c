"""Sound trainings over architectures, optimizers, rates, initial weights, data and seeds."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import layers, optimizers

from kerasnets.models import build
from kerasnets.studies.faults import data as sets
from kerasnets.studies.faults.networks import compiled, convolution_network, dense_network
from kerasnets.studies.faults.program import Data, Training

LOGITS = partial(keras.losses.SparseCategoricalCrossentropy, from_logits=True)


@dataclass(frozen=True)
class Healthy:
    """A sound training.

    Attributes:
        what: for readers.
        build: returns the training, built after the seed was set.
    """

    what: str
    build: Callable[[], Training]


def _nets(
    name: str,
    data: Callable[[], Data],
    *,
    optimizer: Callable[[], keras.Optimizer] = optimizers.Adam,
    epochs: int = 6,
    batch_size: int = 32,
    classes: int = 10,
    **options: Any,
) -> Training:
    """Return an architecture of `kerasnets.models` on images."""
    images = data()
    model = build(name, images.x.shape[1:], classes, **options)
    model.compile(optimizer(), LOGITS(), metrics=["accuracy"])
    return Training(model=model, data=images, epochs=epochs, batch_size=batch_size)


def _dense(
    data: Callable[[], Data],
    widths: tuple[int, ...],
    units: int,
    *,
    optimizer: Callable[[], keras.Optimizer] = optimizers.Adam,
    loss: Any = "sparse_categorical_crossentropy",
    last: str | None = "softmax",
    epochs: int = 15,
    batch_size: int = 32,
    **options: Any,
) -> Training:
    table = data()
    model = compiled(dense_network(table, widths, units, last=last, **options), loss, optimizer())
    return Training(model=model, data=table, epochs=epochs, batch_size=batch_size)


def _convolutions(
    data: Callable[[], Data],
    *,
    optimizer: Callable[[], keras.Optimizer] = optimizers.Adam,
    filters: tuple[int, ...] = (16, 32),
    classes: int = 10,
    epochs: int = 8,
    **options: Any,
) -> Training:
    images = data()
    model = convolution_network(images, filters, classes, last="softmax", **options)
    model = compiled(model, "sparse_categorical_crossentropy", optimizer())
    return Training(model=model, data=images, epochs=epochs)


def _augmented(data: Callable[[], Data], classes: int) -> Training:
    """Return convolutions behind random shifts and turns, with batch normalization and dropout."""
    images = data()
    x = inputs = keras.Input(images.x.shape[1:])
    x = layers.RandomTranslation(0.1, 0.1)(layers.RandomRotation(0.03)(x))
    for filters in (16, 32):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        x = layers.MaxPooling2D(2)(layers.ReLU()(layers.BatchNormalization()(x)))
    x = layers.Dropout(0.3)(layers.GlobalAveragePooling2D()(x))
    model = keras.Model(inputs, layers.Dense(classes)(x))
    model.compile(optimizers.Adam(0.003), LOGITS(), metrics=["accuracy"])
    return Training(model=model, data=images, epochs=12)


def _mixed(seed: int) -> Training:
    """Return a training on pairs of digits that are mixed, and their labels too (mixup, Zhang 2018)."""
    data = sets.one_hot(sets.digits())
    random = np.random.default_rng(seed)
    share = random.beta(0.2, 0.2, len(data.x)).astype("float32")
    other = random.permutation(len(data.x))
    x = share[:, None, None, None] * data.x + (1 - share[:, None, None, None]) * data.x[other]
    y = share[:, None] * data.y + (1 - share[:, None]) * data.y[other]
    data = replace(data, x=x, y=y)
    model = convolution_network(data, (16, 32), 10, last="softmax")
    return Training(model=compiled(model, "categorical_crossentropy"), data=data, epochs=12)


def _smoothed() -> Training:
    """Return a training with label smoothing."""
    data = sets.one_hot(sets.digits())
    model = convolution_network(data, (16, 32), 10, last="softmax")
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=0.1)
    return Training(model=compiled(model, loss), data=data, epochs=10)


def _fine_tuned() -> Training:
    """Return a network trained on five digits whose new head learns the other five; the rest is frozen."""
    data = sets.digits()
    held = data.validation
    assert held
    model = convolution_network(data, (16, 32), 5, last="softmax")
    compiled(model, "sparse_categorical_crossentropy")
    early = data.y < 5
    model.fit(data.x[early], data.y[early], epochs=6, verbose=0)
    for layer in model.layers:
        layer.trainable = False
    head = layers.Dense(5, activation="softmax", name="head")(model.layers[-2].output)
    late, late_held = data.y >= 5, held[1] >= 5
    data = Data(x=data.x[late], y=data.y[late] - 5, validation=(held[0][late_held], held[1][late_held] - 5))
    model = compiled(keras.Model(model.inputs, head), "sparse_categorical_crossentropy", rate=0.003)
    return Training(model=model, data=data, epochs=12)


def _sgd(rate: Any, momentum: float = 0.9, **options: Any) -> Callable[[], keras.Optimizer]:
    return lambda: optimizers.SGD(rate() if callable(rate) else rate, momentum=momentum, **options)


def _of(optimizer: type[keras.Optimizer], rate: Any, **options: Any) -> Callable[[], keras.Optimizer]:
    return lambda: optimizer(rate() if callable(rate) else rate, **options)


def _warm_up(steps: int = 320) -> Any:
    return optimizers.schedules.CosineDecay(0.0, steps, warmup_target=0.1, warmup_steps=40)


def _cosine() -> Any:
    return optimizers.schedules.CosineDecay(0.003, 300)


def _steps() -> Any:
    return optimizers.schedules.PiecewiseConstantDecay([150, 250], [0.05, 0.005, 0.0005])


wide = partial(sets.digits, size=32)
colour = partial(sets.digits, size=32, channels=3)
photos = sets.photographs
photos64 = partial(sets.photographs, size=64, examples=320)
photos80 = partial(sets.photographs, size=80, examples=320)
SQUARED: dict[str, Any] = {"loss": "mean_squared_error", "last": None}
BINARY: dict[str, Any] = {"loss": "binary_crossentropy", "last": "sigmoid"}

HEALTHY: dict[str, Healthy] = {
    # architectures of the course
    "lenet5": Healthy("LeNet-5, digits, Adam", partial(_nets, "lenet5", wide)),
    "lenet5_sgd": Healthy(
        "LeNet-5, digits, momentum 0.9", partial(_nets, "lenet5", wide, optimizer=_sgd(0.05), epochs=10)
    ),
    "lenet5_photographs": Healthy(
        "LeNet-5, photographs, Adam",
        partial(_nets, "lenet5", photos, classes=2, optimizer=_of(optimizers.Adam, 5e-4)),
    ),
    "convnet10": Healthy(
        "six convolutions, digits in three channels, Adam", partial(_nets, "convnet10", colour, epochs=8)
    ),
    "convnet10_photographs": Healthy(
        "six convolutions, photographs, RMSprop",
        partial(_nets, "convnet10", photos, classes=2, optimizer=_of(optimizers.RMSprop, 1e-3)),
    ),
    "alexnet": Healthy(
        "AlexNet, photographs, momentum",
        partial(_nets, "alexnet_owt", photos64, classes=2, optimizer=_sgd(0.01), epochs=4, batch_size=32),
    ),
    "zfnet": Healthy(
        "ZFNet, photographs, momentum",
        partial(_nets, "zfnet_small", photos64, classes=2, optimizer=_sgd(0.01), epochs=4, batch_size=32),
    ),
    "vgg11": Healthy(
        "VGG-11 with batch normalization, photographs, momentum",
        partial(_nets, "vgg11_bn", photos, classes=2, optimizer=_sgd(0.01), epochs=2, units=256),
    ),
    "googlenet": Healthy(
        "GoogLeNet with batch normalization, photographs, momentum",
        partial(_nets, "googlenet_bn", photos64, classes=2, optimizer=_sgd(0.02), epochs=4),
    ),
    "inception_v3": Healthy(
        "Inception-v3, photographs, RMSprop",
        partial(
            _nets,
            "inception_v3",
            photos80,
            classes=2,
            optimizer=_of(optimizers.RMSprop, 3e-4),
            epochs=3,
        ),
    ),
    "resnet18": Healthy(
        "ResNet-18, photographs, momentum",
        partial(_nets, "resnet18", photos64, classes=2, optimizer=_sgd(0.02), epochs=3),
    ),
    "resnet8": Healthy(
        "ResNet of 8 layers, digits in three channels, momentum",
        partial(_nets, "resnet_cifar", colour, depth=8, optimizer=_sgd(0.05), epochs=3),
    ),
    "resnet8_adam": Healthy(
        "ResNet of 8 layers, photographs, AdamW",
        partial(
            _nets, "resnet_cifar", photos, classes=2, depth=8, optimizer=_of(optimizers.AdamW, 1e-3), epochs=3
        ),
    ),
    "resnet14_warm_up": Healthy(
        "ResNet of 14 layers, digits, warm-up and cosine",
        partial(
            _nets,
            "resnet_cifar",
            colour,
            depth=14,
            optimizer=_sgd(partial(_warm_up, 95), nesterov=True),
            epochs=3,
        ),
    ),
    "plain8": Healthy(
        "plain network of 8 layers, digits, momentum",
        partial(_nets, "plain_cifar", colour, depth=8, optimizer=_sgd(0.03), epochs=3),
    ),
    # optimizers and rates, convolutions on digits
    **{
        f"digits_{name}": Healthy(
            f"convolutions, digits, {what}", partial(_convolutions, sets.digits, optimizer=made)
        )
        for name, what, made in (
            ("sgd", "gradient descent 0.1", _sgd(0.1, 0.0)),
            ("momentum", "momentum, 0.02", _sgd(0.02)),
            ("nesterov", "Nesterov, 0.05", _sgd(0.05, nesterov=True)),
            ("adam_slow", "Adam, 0.0005", _of(optimizers.Adam, 5e-4)),
            ("adam", "Adam, 0.001", _of(optimizers.Adam, 1e-3)),
            ("adam_fast", "Adam, 0.003", _of(optimizers.Adam, 3e-3)),
            ("adamw", "AdamW, 0.002", _of(optimizers.AdamW, 2e-3, weight_decay=0.01)),
            ("rmsprop", "RMSprop, 0.001", _of(optimizers.RMSprop, 1e-3)),
            ("adagrad", "Adagrad, 0.05", _of(optimizers.Adagrad, 0.05)),
            ("nadam", "Nadam, 0.001", _of(optimizers.Nadam, 1e-3)),
            ("cosine", "Adam, cosine decay", _of(optimizers.Adam, _cosine)),
            ("steps", "momentum, decay in steps", _sgd(_steps)),
            ("warm_up", "momentum, warm-up and cosine decay", _sgd(_warm_up)),
            ("clipped", "momentum, gradients clipped to norm 1", _sgd(0.05, clipnorm=1.0)),
        )
    },
    # initial weights and activations
    **{
        f"digits_{name}": Healthy(
            f"convolutions, digits, {what}", partial(_convolutions, sets.digits, **options)
        )
        for name, what, options in (
            ("he", "He's initialization", {"initializer": "he_normal"}),
            ("lecun", "SELU, LeCun's initialization", {"initializer": "lecun_normal", "activation": "selu"}),
            ("tanh", "hyperbolic tangents", {"activation": "tanh"}),
            ("elu", "ELU", {"activation": "elu"}),
            ("gelu", "GELU", {"activation": "gelu"}),
            ("leaky", "leaky rectifiers", {"activation": "leaky_relu"}),
            ("swish", "swish", {"activation": "swish"}),
            ("orthogonal", "orthogonal initialization", {"initializer": "orthogonal"}),
            ("dropout", "dropout 0.25", {"dropout": 0.25, "epochs": 12}),
            ("deep", "three convolutions", {"filters": (16, 32, 32)}),
        )
    },
    # other seeds of one training
    **{
        f"seed_{seed}": Healthy(f"convolutions, digits, seed {seed}", partial(_convolutions, sets.digits))
        for seed in range(1, 5)
    },
    "photographs": Healthy(
        "convolutions, photographs, Adam",
        partial(_convolutions, photos, filters=(8, 16, 16), classes=2, optimizer=_of(optimizers.Adam, 5e-4)),
    ),
    "photographs_sgd": Healthy(
        "convolutions, photographs, momentum",
        partial(_convolutions, photos, filters=(8, 16), classes=2, optimizer=_sgd(0.005)),
    ),
    "augmented": Healthy(
        "convolutions, digits, random shifts and turns", partial(_augmented, sets.digits, 10)
    ),
    "mixup": Healthy("convolutions, digits, mixup", partial(_mixed, 1)),
    "smoothing": Healthy("convolutions, digits, label smoothing", _smoothed),
    "fine_tuned": Healthy("a new head on a frozen, trained network", _fine_tuned),
    # tables
    "iris": Healthy(
        "dense layers, iris",
        partial(_dense, sets.iris, (16,), 3, epochs=40, batch_size=16, optimizer=_of(optimizers.Adam, 0.01)),
    ),
    "iris_sgd": Healthy(
        "dense layers, iris, momentum",
        partial(_dense, sets.iris, (16, 16), 3, epochs=40, batch_size=16, optimizer=_sgd(0.02)),
    ),
    "wine": Healthy(
        "dense layers, wine, Adam",
        partial(_dense, sets.wine, (32,), 3, epochs=25, batch_size=16, optimizer=_of(optimizers.Adam, 0.003)),
    ),
    "wine_normalized": Healthy(
        "dense layers with batch normalization, wine",
        partial(_dense, sets.wine, (32, 32), 3, epochs=25, normalized=True),
    ),
    "tumors": Healthy(
        "dense layers, tumors, one sigmoid", partial(_dense, sets.tumors, (16, 8), 1, epochs=15, **BINARY)
    ),
    "tumors_two": Healthy(
        "dense layers, tumors, softmax of two", partial(_dense, sets.tumors, (16,), 2, epochs=15)
    ),
    "blobs": Healthy("dense layers, points around centres", partial(_dense, sets.blobs, (32, 32), 3)),
    "circles": Healthy("dense layers, two rings", partial(_dense, sets.circles, (32, 32), 2)),
    "moons": Healthy("dense layers, two half rings", partial(_dense, sets.moons, (32, 16), 1, **BINARY)),
    "xor": Healthy(
        "dense layers of tanh, XOR",
        partial(
            _dense, sets.xor, (16,), 1, activation="tanh", optimizer=_of(optimizers.Adam, 0.02), **BINARY
        ),
    ),
    "digits_dense": Healthy("dense layers, digits", partial(_dense, sets.digits, (64, 64), 10)),
    "digits_dense_l2": Healthy(
        "dense layers, digits, L2 penalty",
        partial(_dense, sets.digits, (64, 64), 10, regularizer=keras.regularizers.L2(1e-4)),
    ),
    "digits_dense_sigmoid": Healthy(
        "one hidden layer of sigmoids, digits",
        partial(
            _dense,
            sets.digits,
            (64,),
            10,
            activation="sigmoid",
            epochs=20,
            optimizer=_of(optimizers.Adam, 0.005),
        ),
    ),
    "digits_dense_deep": Healthy(
        "eight dense layers, He's initialization, digits",
        partial(_dense, sets.digits, (64,) * 8, 10, initializer="he_normal"),
    ),
    "digits_large_batch": Healthy(
        "dense layers, digits, batches of 256",
        partial(
            _dense,
            sets.digits,
            (64, 64),
            10,
            batch_size=256,
            epochs=60,
            optimizer=_of(optimizers.Adam, 0.003),
        ),
    ),
    "digits_small_batch": Healthy(
        "dense layers, digits, batches of 8", partial(_dense, sets.digits, (64,), 10, batch_size=8, epochs=6)
    ),
    # numbers
    "diabetes": Healthy(
        "regression, illness",
        partial(_dense, sets.diabetes, (16,), 1, dropout=0.2, epochs=20, batch_size=16, **SQUARED),
    ),
    "curve": Healthy(
        "regression, a parabola",
        partial(_dense, sets.curve, (32, 32), 1, optimizer=_of(optimizers.Adam, 0.005), **SQUARED),
    ),
    "curve_tanh": Healthy(
        "regression, a parabola, tanh, RMSprop",
        partial(
            _dense,
            sets.curve,
            (32,),
            1,
            activation="tanh",
            optimizer=_of(optimizers.RMSprop, 0.005),
            **SQUARED,
        ),
    ),
    "prices": Healthy(
        "regression, prices, Adam",
        partial(_dense, sets.prices, (32,), 1, optimizer=_of(optimizers.Adam, 0.003), **SQUARED),
    ),
    "prices_sgd": Healthy(
        "regression, prices, momentum",
        partial(_dense, sets.prices, (32,), 1, optimizer=_sgd(0.005), **SQUARED),
    ),
}
"""Sound trainings by name."""
