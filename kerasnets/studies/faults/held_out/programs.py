"""Faulty programs that no rule was tuned on, from the public sets' questions that the others leave out."""

from dataclasses import replace
from functools import partial

import keras
import numpy as np
from keras import layers

from kerasnets.studies.faults import data as sets
from kerasnets.studies.faults.networks import compiled, convolution_network, dense_network
from kerasnets.studies.faults.outputs import BINARY, ONE_HOT, SPARSE
from kerasnets.studies.faults.program import Data, Training, program

held_out = partial(program, held_out=True)


@held_out(
    "softmax and a squared error for topics of which a text has several",
    source="DeepLocalize, Stack Overflow 38648195",
    expected="loss_mismatch last_activation_mismatch",
)
def softmax_of_several_topics(faulty: bool) -> Training:
    """The probabilities of a softmax add up to 1, the labels to 0 to 3."""
    data = sets.topics()
    model = dense_network(data, (20, 20), 3, last="softmax" if faulty else "sigmoid", dropout=0.2)
    model = compiled(model, "mean_squared_error" if faulty else BINARY, rate=0.003)
    return Training(model=model, data=data, epochs=20, batch_size=20)


@held_out(
    "two layers of two rectifiers with small even weights",
    source="DeepLocalize, Stack Overflow 41372874",
    expected="dead_units stuck_at_chance stuck_at_majority underfitting loss_flat",
)
def two_rectifiers_each(faulty: bool) -> Training:
    """Two numbers, whose class two units can hardly tell."""
    data = sets.circles()
    initializer = keras.initializers.RandomUniform(-0.05, 0.05) if faulty else "glorot_uniform"
    model = dense_network(data, (2, 2) if faulty else (16, 16), 1, last="sigmoid", initializer=initializer)
    return Training(model=compiled(model, BINARY, rate=0.003), data=data, epochs=15, batch_size=16)


@held_out(
    "softmax of a single unit after convolutions of signals",
    source="NeuraLint and DeepFD, Stack Overflow 51749207",
    expected="last_activation_mismatch",
)
def softmax_of_a_signal(faulty: bool) -> Training:
    """Signals of two kinds; Nadam."""
    data = sets.signals()
    x = inputs = keras.Input(data.x.shape[1:])
    x = layers.Conv1D(20, 4, padding="same", activation="relu")(x)
    x = layers.Flatten()(layers.Dropout(0.3)(layers.MaxPooling1D(2)(x)))
    x = layers.Dense(50, activation="relu")(x)
    model = keras.Model(inputs, layers.Dense(1, activation="softmax" if faulty else "sigmoid")(x))
    return Training(model=compiled(model, BINARY, "nadam"), data=data, epochs=12)


@held_out(
    "dropout between a convolution of signals and its batch normalization",
    source="NeuraLint, Stack Overflow 55776436",
    expected="dropout_before_batchnorm",
)
def dropout_among_signals(faulty: bool) -> Training:
    """Heartbeats of six kinds; here waves."""
    data = sets.signals(6, 900)
    x = inputs = keras.Input(data.x.shape[1:])
    x = layers.Conv1D(24, 9, activation="relu")(x)
    x = layers.Conv1D(24, 9, use_bias=False)(x)
    x = layers.Dropout(0.5)(x) if faulty else x
    x = layers.MaxPooling1D(4)(layers.ReLU()(layers.BatchNormalization()(x)))
    x = x if faulty else layers.Dropout(0.3)(x)
    model = keras.Model(inputs, layers.Dense(6, activation="softmax")(layers.Flatten()(x)))
    return Training(model=compiled(model, SPARSE, rate=0.002), data=data, epochs=12)


@held_out(
    "sigmoids and a binary loss for four exclusive classes",
    source="NeuraLint, Stack Overflow 44399299",
    expected="loss_mismatch last_activation_mismatch",
)
def binary_loss_of_four_classes(faulty: bool) -> Training:
    """One-hot labels."""
    data = sets.one_hot(sets.blobs(4))
    model = dense_network(data, (64,), 4, last="sigmoid" if faulty else "softmax")
    return Training(model=compiled(model, BINARY if faulty else ONE_HOT, rate=0.003), data=data, epochs=20)


@held_out(
    "sigmoids for six numbers outside 0 to 1, and small normal weights",
    source="NeuraLint, Stack Overflow 50555434",
    expected="last_activation_mismatch",
)
def sigmoid_of_dates(faulty: bool) -> Training:
    """Day, month, year and time of day from 28 numbers; an absolute error."""
    data = sets.dates()
    initializer = keras.initializers.RandomNormal(stddev=0.05) if faulty else "he_normal"
    model = dense_network(data, (20, 15, 12), 6, last="sigmoid" if faulty else None, initializer=initializer)
    return Training(model=compiled(model, "mean_absolute_error", rate=0.005), data=data, epochs=25)


@held_out(
    "no flattening between convolutions of a signal and the last layer",
    source="NeuraLint, Stack Overflow 53119432",
    expected="loss_mismatch last_activation_mismatch",
)
def missing_flatten(faulty: bool) -> Training:
    """The network gives a probability for each place of a signal, the labels one for the whole."""
    data = sets.signals()
    x = inputs = keras.Input(data.x.shape[1:])
    for filters in (16, 32):
        x = layers.Conv1D(filters, 3, activation="relu")(x)
        x = layers.MaxPooling1D(4)(x)
    x = x if faulty else layers.Flatten()(x)
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(x))
    return Training(model=compiled(model, BINARY, rate=0.003), data=data, epochs=12)


@held_out(
    "measurements in many units, with -999 for those that are unknown",
    source="dl-fl-repair D2, Higgs boson challenge",
    expected="unnormalized_input",
)
def unknown_measurements(faulty: bool) -> Training:
    """A wide network with dropout on raw columns; RMSprop."""
    data = sets.collisions(raw=faulty)
    model = dense_network(data, (60, 40, 10), 1, last="sigmoid", dropout=0.2)
    return Training(model=compiled(model, BINARY, "rmsprop"), data=data, epochs=15, batch_size=16)


@held_out(
    "two sigmoids, Adam at 0.001 and five epochs of five steps",
    source="dl-fl-repair D6, an artificial data set",
    expected="rate_too_low stuck_at_chance",
)
def five_short_epochs(faulty: bool) -> Training:
    """Two squares of points that a line parts: 25 steps are too few to find it."""
    random = np.random.default_rng(42)
    y = np.arange(200) % 2
    x = (random.uniform(0.2, 0.4, (200, 2)) + 0.3 * y[:, None]).astype("float32")
    data = Data(x=x[:160], y=y[:160], validation=(x[160:], y[160:]))
    model = dense_network(data, (2,) if faulty else (8,), 2, last="softmax", activation="sigmoid")
    model = compiled(model, SPARSE, rate=0.001 if faulty else 0.05)
    return Training(model=model, data=data, epochs=5 if faulty else 40)


@held_out(
    "gradient descent at a rate a thousand times too low",
    source="AUTOTRAINER and DeepDiagnosis, slow convergence, Circle",
    expected="rate_too_low",
)
def slow_circles(faulty: bool) -> Training:
    """Two rings."""
    data = sets.circles()
    model = dense_network(data, (32, 32), 2, last="softmax")
    optimizer = keras.optimizers.SGD(2e-4 if faulty else 0.2)
    return Training(model=compiled(model, SPARSE, optimizer), data=data, epochs=15)


@held_out(
    "six convolutions with sigmoids",
    source="AUTOTRAINER and DeepDiagnosis, vanishing gradients, CIFAR-10",
    expected="vanishing_gradients vanishing_activations",
)
def deep_sigmoid_convolutions(faulty: bool) -> Training:
    """Patches of photographs; each sigmoid leaves at most a quarter of the gradient."""
    data = sets.photographs(examples=800)
    activation, initializer = ("sigmoid", "glorot_uniform") if faulty else ("relu", "he_normal")
    x = inputs = keras.Input(data.x.shape[1:])
    for at, filters in enumerate((8, 8, 16, 16, 16, 16)):
        options = {"activation": activation, "kernel_initializer": initializer}
        x = layers.Conv2D(filters, 3, padding="same", strides=2 if at in (0, 2) else 1, **options)(x)
    x = layers.Dense(32, activation=activation)(layers.GlobalAveragePooling2D()(x))
    model = keras.Model(inputs, layers.Dense(2, activation="softmax")(x))
    return Training(model=compiled(model, SPARSE, rate=0.001), data=data, epochs=10)


@held_out(
    "convolutions that an initial bias of -3 keeps at zero",
    source="AUTOTRAINER and DeepDiagnosis, dying rectifiers, CIFAR-10",
    expected="dead_units",
)
def dying_convolutions(faulty: bool) -> Training:
    """Patches of photographs."""
    data = sets.photographs(examples=800)
    model = convolution_network(data, (8, 16), 2, last="softmax")
    for layer in model.layers if faulty else ():
        if isinstance(layer, layers.Conv2D):
            layer.bias.assign(keras.ops.full_like(layer.bias, -3.0))
    return Training(model=compiled(model, SPARSE, rate=5e-4), data=data, epochs=8)


@held_out(
    "initial weights of deviation 2 in five layers of rectifiers",
    source="AUTOTRAINER and DeepDiagnosis, exploding gradients, Circle",
    expected="bad_initialization exploding_activations exploding_gradients not_finite",
)
def exploding_half_rings(faulty: bool) -> Training:
    """Two half rings; RMSprop."""
    data = sets.moons()
    initializer = keras.initializers.RandomNormal(stddev=2.0) if faulty else "he_normal"
    model = dense_network(data, (32,) * 5, 1, last="sigmoid", initializer=initializer)
    return Training(model=compiled(model, BINARY, "rmsprop"), data=data, epochs=15)


@held_out(
    "a loss that jumps up and down, of convolutions under Adam at 0.1",
    source="AUTOTRAINER and DeepDiagnosis, oscillating loss, MNIST",
    expected="rate_too_high loss_oscillating",
)
def oscillating_digits(faulty: bool) -> Training:
    """Batches of 8."""
    data = sets.digits()
    model = convolution_network(data, (16, 32), 10, last="softmax")
    model = compiled(model, SPARSE, rate=0.1 if faulty else 0.001)
    return Training(model=model, data=data, epochs=10, batch_size=8 if faulty else 32)


@held_out(
    "95 of 100 training examples removed",
    source="DeepCrime, removal of training data (dl-fl-repair)",
    expected="overfitting",
)
def removed_examples(faulty: bool) -> Training:
    """Convolutions learn 72 digits by heart."""
    data = sets.digits()
    data = sets.few(data, len(data.x) // 20) if faulty else data
    model = convolution_network(data, (16, 32), 10, last="softmax", hidden=64)
    return Training(model=compiled(model, SPARSE), data=data, epochs=60 if faulty else 10, batch_size=16)


@held_out(
    "half of the training examples doubled under a label of another class",
    source="DeepCrime, overlapping classes (dl-fl-repair)",
    expected="label_noise underfitting",
)
def overlapping_classes(faulty: bool) -> Training:
    """The same digit is a 3 and a 4."""
    data = sets.digits()
    if faulty:
        half = len(data.x) // 2
        x, y = np.concatenate([data.x, data.x[:half]]), np.concatenate([data.y, (data.y[:half] + 1) % 10])
        order = np.random.default_rng(6).permutation(len(x))
        data = replace(data, x=x[order], y=y[order])
    model = convolution_network(data, (16, 32), 10, last="softmax")
    return Training(model=compiled(model, SPARSE), data=data, epochs=15)


@held_out(
    "softplus as the last activation of exclusive classes",
    source="DeepCrime, change of the last activation (dl-fl-repair)",
    expected="last_activation_mismatch",
)
def softplus_of_classes(faulty: bool) -> Training:
    """Kinds of wine."""
    data = sets.wine()
    model = dense_network(data, (24,), 3, last="softplus" if faulty else "softmax")
    return Training(model=compiled(model, SPARSE, rate=0.003), data=data, epochs=25, batch_size=16)


@held_out(
    "an L2 penalty that outweighs the loss",
    source="DeepCrime, added regularization (dl-fl-repair)",
    expected="underfitting stuck_at_chance stuck_at_majority",
)
def too_strong_decay(faulty: bool) -> Training:
    """The weights are pressed to zero."""
    data = sets.hastie()
    regularizer = keras.regularizers.L2(0.5) if faulty else None
    model = dense_network(data, (64, 32), 1, last="sigmoid", regularizer=regularizer)
    return Training(model=compiled(model, BINARY, rate=0.002), data=data, epochs=20)
