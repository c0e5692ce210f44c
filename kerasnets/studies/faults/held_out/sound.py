"""Sound trainings that no rule was tuned on: other networks, data, optimizers and seeds."""

from functools import partial

import keras
from keras import layers, optimizers

from kerasnets.studies.faults import data as sets
from kerasnets.studies.faults.networks import compiled
from kerasnets.studies.faults.program import Data, Training
from kerasnets.studies.faults.sound.trainings import (
    BINARY,
    LOGITS,
    SQUARED,
    Healthy,
    architecture,
    convolutions,
    dense,
    made_by,
    momentum,
)

SPARSE = "sparse_categorical_crossentropy"


def separable() -> Training:
    """Return separable convolutions with batch normalization (Howard 2017, figure 3)."""
    data = sets.digits()
    x = inputs = keras.Input(data.x.shape[1:])
    x = layers.Conv2D(16, 3, padding="same", use_bias=False)(x)
    for filters in (32, 64):
        x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
        x = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
        x = layers.MaxPooling2D(2)(layers.Conv2D(filters, 1, use_bias=False)(x))
    x = layers.GlobalAveragePooling2D()(layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x)))
    model = keras.Model(inputs, layers.Dense(10, activation="softmax")(x))
    return Training(model=compiled(model, SPARSE, rate=0.003), data=data, epochs=12)


def group_normalized() -> Training:
    """Return convolutions with group normalization (Wu & He 2018)."""
    data = sets.digits()
    x = inputs = keras.Input(data.x.shape[1:])
    for filters in (16, 32):
        x = layers.GroupNormalization(4)(layers.Conv2D(filters, 3, padding="same")(x))
        x = layers.MaxPooling2D(2)(layers.ReLU()(x))
    model = keras.Model(inputs, layers.Dense(10, activation="softmax")(layers.Flatten()(x)))
    return Training(model=compiled(model, SPARSE, rate=0.002), data=data, epochs=10)


def normalized_photographs() -> Training:
    """Return convolutions with batch normalization and momentum."""
    data = sets.photographs()
    x = inputs = keras.Input(data.x.shape[1:])
    for filters in (8, 16, 32):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        x = layers.MaxPooling2D(2)(layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x)))
    model = keras.Model(inputs, layers.Dense(2, activation="softmax")(layers.GlobalAveragePooling2D()(x)))
    return Training(model=compiled(model, SPARSE, optimizers.SGD(0.02, momentum=0.9)), data=data, epochs=8)


def residual_table() -> Training:
    """Return dense layers that are added to their inputs."""
    data = sets.tumors()
    x = layers.Dense(32)(inputs := keras.Input(data.x.shape[1:]))
    for _ in range(3):
        x = layers.Add()([x, layers.Dense(32)(layers.Dense(32, activation="relu")(x))])
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(layers.ReLU()(x)))
    return Training(model=compiled(model, "binary_crossentropy", rate=5e-4), data=data, epochs=15)


def layer_normalized() -> Training:
    """Return dense layers with layer normalization and GELU."""
    data = sets.wine()
    x = inputs = keras.Input(data.x.shape[1:])
    for width in (32, 32):
        x = layers.Activation("gelu")(layers.LayerNormalization()(layers.Dense(width)(x)))
    model = keras.Model(inputs, layers.Dense(3, activation="softmax")(x))
    return Training(model=compiled(model, SPARSE, rate=0.002), data=data, epochs=25, batch_size=16)


def convolved_signals(classes: int) -> Training:
    """Return convolutions of signals."""
    data = sets.signals(classes, 900)
    x = inputs = keras.Input(data.x.shape[1:])
    for filters in (16, 32):
        x = layers.MaxPooling1D(4)(layers.Conv1D(filters, 7, padding="same", activation="relu")(x))
    model = keras.Model(inputs, layers.Dense(classes, activation="softmax")(layers.Flatten()(x)))
    return Training(model=compiled(model, SPARSE, rate=0.002), data=data, epochs=12)


def gated_signals() -> Training:
    """Return a recurrent layer of gated units on signals."""
    data = sets.signals(3, 600)
    inputs = keras.Input(data.x.shape[1:])
    x = layers.GRU(24)(layers.Reshape((16, 4))(inputs))
    model = keras.Model(inputs, layers.Dense(3, activation="softmax")(x))
    return Training(model=compiled(model, SPARSE, rate=0.01), data=data, epochs=15)


def autoencoder() -> Training:
    """Return digits through sixteen numbers and back."""
    digits = sets.digits()
    assert digits.validation
    x, held = (each.reshape(len(each), -1) for each in (digits.x, digits.validation[0]))
    data = Data(x=x, y=x, validation=(held, held))
    code = layers.Dense(16, activation="relu")(
        layers.Dense(48, activation="relu")(inputs := keras.Input((64,)))
    )
    pixels = layers.Dense(64, activation="sigmoid")(layers.Dense(48, activation="relu")(code))
    model = compiled(keras.Model(inputs, pixels), "mean_squared_error", rate=0.003)
    return Training(model=model, data=data, epochs=20)


def focused() -> Training:
    """Return convolutions under a focal loss (Lin 2017)."""
    training = convolutions(partial(sets.one_hot, sets.digits()), epochs=10)
    training.model.compile("adam", keras.losses.CategoricalFocalCrossentropy(), metrics=["accuracy"])
    return training


def accumulated() -> Training:
    """Return convolutions whose gradients are added up over two batches."""
    return convolutions(
        sets.digits, optimizer=made_by(optimizers.Adam, 0.002, gradient_accumulation_steps=2), epochs=12
    )


def logits_of_two() -> Training:
    """Return dense layers whose last one gives logits."""
    training = dense(sets.hastie, (64, 32), 2, last=None, epochs=15)
    training.model.compile(optimizers.Adam(0.003), LOGITS(), metrics=["accuracy"])
    return training


wide = partial(sets.digits, size=32)
colour = partial(sets.digits, size=32, channels=3)

HELD_OUT: dict[str, Healthy] = {
    "held_separable": Healthy("separable convolutions, digits", separable),
    "held_group_normalized": Healthy("convolutions with group normalization, digits", group_normalized),
    "held_photographs": Healthy("convolutions with batch normalization, photographs", normalized_photographs),
    "held_residual_table": Healthy("residual dense layers, tumors", residual_table),
    "held_layer_normalized": Healthy("dense layers with layer normalization, wine", layer_normalized),
    "held_signals": Healthy("convolutions, signals of two kinds", partial(convolved_signals, 2)),
    "held_six_signals": Healthy("convolutions, signals of six kinds", partial(convolved_signals, 6)),
    "held_gated_signals": Healthy("gated recurrent units, signals of three kinds", gated_signals),
    "held_autoencoder": Healthy("an autoencoder, digits", autoencoder),
    "held_focal": Healthy("convolutions, digits, focal loss", focused),
    "held_accumulated": Healthy("convolutions, digits, gradients of two batches", accumulated),
    "held_hastie": Healthy("dense layers, points near a middle and far from it, logits", logits_of_two),
    "held_shells": Healthy(
        "dense layers, three shells of points",
        partial(dense, sets.shells, (32, 32), 3, optimizer=made_by(optimizers.Adam, 0.005), epochs=20),
    ),
    "held_circles": Healthy(
        "dense layers, two rings, one sigmoid, Nesterov",
        partial(dense, sets.circles, (24,), 1, optimizer=momentum(0.05, nesterov=True), **BINARY),
    ),
    "held_friedman": Healthy(
        "regression, Friedman's function, Adam",
        partial(
            dense, sets.friedman, (32, 16), 1, optimizer=made_by(optimizers.Adam, 0.005), epochs=25, **SQUARED
        ),
    ),
    "held_dates": Healthy(
        "regression, six numbers, RMSprop",
        partial(
            dense, sets.dates, (48,), 6, optimizer=made_by(optimizers.RMSprop, 0.002), epochs=25, **SQUARED
        ),
    ),
    "held_selu_deep": Healthy(
        "eight dense layers of SELU, digits, momentum",
        partial(
            dense,
            sets.digits,
            (48,) * 8,
            10,
            activation="selu",
            initializer="lecun_normal",
            optimizer=momentum(0.01),
        ),
    ),
    "held_tanh_deep": Healthy(
        "five dense layers of tanh, digits, momentum",
        partial(dense, sets.digits, (48,) * 5, 10, activation="tanh", optimizer=momentum(0.02)),
    ),
    "held_lion": Healthy(
        "convolutions, digits, Lion",
        partial(convolutions, sets.digits, optimizer=made_by(optimizers.Lion, 5e-4), epochs=10),
    ),
    "held_adamax": Healthy(
        "convolutions, digits, Adamax",
        partial(convolutions, sets.digits, optimizer=made_by(optimizers.Adamax, 0.003), epochs=10),
    ),
    "held_lenet5": Healthy(
        "LeNet-5, digits, Nesterov",
        partial(architecture, "lenet5", wide, optimizer=momentum(0.02, nesterov=True), epochs=8),
    ),
    "held_resnet8": Healthy(
        "ResNet of 8 layers, digits, Adam",
        partial(
            architecture, "resnet_cifar", colour, depth=8, optimizer=made_by(optimizers.Adam, 2e-3), epochs=5
        ),
    ),
    "held_plain8": Healthy(
        "plain network of 8 layers, digits, Adam",
        partial(
            architecture, "plain_cifar", colour, depth=8, optimizer=made_by(optimizers.Adam, 1e-3), epochs=5
        ),
    ),
    **{
        f"held_seed_{seed}": Healthy(
            f"convolutions and 64 dense units, digits, seed {seed}",
            partial(convolutions, sets.digits, filters=(8, 24), hidden=64, epochs=10),
        )
        for seed in range(1, 5)
    },
}
"""Sound trainings by name."""
