"""Faults of the learning rate, the optimizer and the scale of what is learned."""

import keras

from kerasnets.studies.faults import data as sets
from kerasnets.studies.faults.networks import compiled, convolution_network, dense_network
from kerasnets.studies.faults.outputs import ONE_HOT, SPARSE
from kerasnets.studies.faults.program import Training, program

SQUARED = "mean_squared_error"


@program(
    "Adam at rate 1",
    source="dl-fl-repair R (DeepCrime, change of the learning rate), Reuters",
    expected="rate_too_high",
)
def rate_of_one(faulty: bool) -> Training:
    """A wide dense network with dropout."""
    data = sets.one_hot(sets.digits())
    model = dense_network(data, (128,), 10, last="softmax", dropout=0.3)
    return Training(model=compiled(model, ONE_HOT, rate=1.0 if faulty else 0.001), data=data, epochs=15)


@program(
    "Adam at rate 0.1 for a regression",
    source="DeepLocalize, FacialKeypointsDetection (GitHub)",
    expected="rate_too_high",
)
def rate_of_a_tenth(faulty: bool) -> Training:
    """Coordinates from images; here an illness from ten numbers."""
    data = sets.prices()
    model = dense_network(data, (100, 100), 1)
    model = compiled(model, SQUARED, rate=0.1 if faulty else 0.001)
    return Training(model=model, data=data, epochs=15)


@program(
    "gradient descent with momentum at a rate a hundred times too high",
    source="DeepFD, faults of the learning rate",
    expected="rate_too_high not_finite",
)
def momentum_too_fast(faulty: bool) -> Training:
    """Convolutions on patches of photographs."""
    data = sets.photographs()
    model = convolution_network(data, (8, 16), 2, last="softmax")
    optimizer = keras.optimizers.SGD(1.0 if faulty else 0.01, momentum=0.9)
    return Training(model=compiled(model, SPARSE, optimizer), data=data, epochs=8)


@program(
    "a loss that jumps up and down, at a high rate and in small batches",
    source="AUTOTRAINER, oscillating loss, Blob",
    expected="rate_too_high loss_oscillating",
)
def oscillating_loss(faulty: bool) -> Training:
    """Points around three centres."""
    data = sets.blobs()
    model = dense_network(data, (32, 32), 3, last="softmax")
    optimizer = keras.optimizers.Adam(0.3 if faulty else 0.003)
    return Training(
        model=compiled(model, SPARSE, optimizer), data=data, epochs=12, batch_size=8 if faulty else 32
    )


@program(
    "a rate so high that rectifiers die",
    source="AUTOTRAINER, dying rectifiers, MNIST",
    expected="rate_too_high dead_units",
)
def rate_kills_rectifiers(faulty: bool) -> Training:
    """The first large step moves all units below zero."""
    data = sets.digits()
    model = dense_network(data, (64, 64, 64), 10, last="softmax")
    optimizer = keras.optimizers.SGD(5.0 if faulty else 0.05)
    return Training(model=compiled(model, SPARSE, optimizer), data=data, epochs=15)


@program(
    "Adadelta at rate 0.001, which it multiplies with small numbers of its own",
    source="dl-fl-repair M1 (DeepCrime, change of the learning rate), MNIST",
    expected="rate_too_low",
)
def adadelta_too_slow(faulty: bool) -> Training:
    """Keras 3's default, where the example of old had 1."""
    data = sets.digits()
    model = convolution_network(data, (16, 32), 10, last="softmax", dropout=0.25)
    model = compiled(model, SPARSE, keras.optimizers.Adadelta(0.001 if faulty else 1.0))
    return Training(model=model, data=data, epochs=12)


@program(
    "plain gradient descent at its default rate in place of Adam",
    source="dl-fl-repair R (DeepCrime, change of the optimizer), Reuters",
    expected="rate_too_low",
)
def plain_descent_too_slow(faulty: bool) -> Training:
    """Gradient descent at 0.001 is hardly a start."""
    data = sets.one_hot(sets.digits())
    model = dense_network(data, (128,), 10, last="softmax", dropout=0.3)
    optimizer = keras.optimizers.SGD(0.001) if faulty else keras.optimizers.Adam(0.001)
    return Training(model=compiled(model, ONE_HOT, optimizer), data=data, epochs=15)


@program(
    "RMSprop at rate 0.001 for a target in the hundreds",
    source="DeepFD and dl-fl-repair D8, Stack Overflow 51181393",
    expected="rate_too_low",
)
def slow_regression(faulty: bool) -> Training:
    """One weight and a bias have a long way to go: temperatures in two scales."""
    data = sets.curve()
    data = sets.with_labels(data, lambda y: 32 + 36 * y)
    data = sets.with_labels(data, lambda y: y if faulty else (y - 32) / 36)
    model = dense_network(data, (16,), 1)
    model = compiled(model, SQUARED, "rmsprop", 0.001 if faulty else 0.01)
    return Training(model=model, data=data, epochs=25)


@program(
    "Adam at a thousandth of its rate",
    source="DeepFD, faults of the learning rate",
    expected="rate_too_low",
)
def adam_too_slow(faulty: bool) -> Training:
    """Convolutions that stay as they were drawn."""
    data = sets.photographs()
    model = convolution_network(data, (8, 16), 2, last="softmax")
    return Training(model=compiled(model, SPARSE, rate=1e-6 if faulty else 1e-3), data=data, epochs=8)


@program(
    "prices in the hundred thousands as targets of gradient descent",
    source="DeepLocalize, kaggle-melbourne_properties (GitHub)",
    expected="exploding_gradients not_finite rate_too_high initial_loss",
)
def unscaled_prices(faulty: bool) -> Training:
    """The first gradients are as large as the prices."""
    data = sets.prices(raw=faulty)
    model = dense_network(data, (20, 20), 1, activation="tanh" if not faulty else "relu")
    model = compiled(model, SQUARED, keras.optimizers.SGD(0.01))
    return Training(model=model, data=data, epochs=20)
