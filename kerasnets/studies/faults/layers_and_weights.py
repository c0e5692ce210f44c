"""Faults of activations, initial weights, depth, dropout and regularization."""

import keras
from keras import layers

from kerasnets.studies.faults import data as sets
from kerasnets.studies.faults.networks import compiled, convolution_network, dense_network
from kerasnets.studies.faults.outputs import BINARY, ONE_HOT, SPARSE
from kerasnets.studies.faults.program import Training, program

NORMAL = keras.initializers.RandomNormal


@program(
    "no activation in the hidden layer of a classifier",
    source="DeepLocalize, Stack Overflow 47724077",
    expected="no_nonlinearity",
)
def linear_hidden_layer(faulty: bool) -> Training:
    """Two half rings: a line parts them badly."""
    data = sets.moons()
    model = dense_network(data, (21,), 2, last="softmax", activation=None if faulty else "relu")
    return Training(model=compiled(model, SPARSE, rate=0.01), data=data, epochs=20)


@program(
    "no activation in a network that should learn XOR",
    source="DeepLocalize, Stack Overflow 48251943",
    expected="no_nonlinearity",
)
def linear_xor(faulty: bool) -> Training:
    """A linear function of two inputs cannot be XOR."""
    data = sets.xor()
    model = dense_network(data, (8,), 1, last="sigmoid", activation=None if faulty else "relu")
    return Training(model=compiled(model, BINARY, rate=0.02), data=data, epochs=20)


@program(
    "no activation after several dense layers",
    source="DeepLocalize, Stack Overflow 50481178",
    expected="no_nonlinearity",
)
def linear_deep_network(faulty: bool) -> Training:
    """Two rings, and three layers that are one linear function."""
    data = sets.circles()
    model = dense_network(data, (32, 16, 8), 2, last="softmax", activation=None if faulty else "relu")
    return Training(model=compiled(model, SPARSE, rate=0.005), data=data, epochs=15)


@program(
    "no activation after the convolutions",
    source="NeuraLint, LeNet without rectifiers; dl-fl-repair D9, Stack Overflow 59325381",
    expected="no_nonlinearity",
)
def linear_convolutions(faulty: bool) -> Training:
    """Two convolutions that follow each other without anything between them."""
    data = sets.digits()
    inputs = keras.Input(data.x.shape[1:])
    x = inputs
    for filters in (32, 16):
        x = layers.Conv2D(filters, 3, padding="same", activation=None if faulty else "relu")(x)
    x = layers.Dense(64, activation="relu")(layers.Flatten()(x))
    model = keras.Model(inputs, layers.Dense(10, activation="softmax")(x))
    return Training(model=compiled(model, SPARSE), data=data, epochs=6)


@program(
    "a regression of a curve without any activation, at rate 0.1",
    source="DeepLocalize, Stack Overflow 48934338",
    expected="no_nonlinearity rate_too_high not_finite exploding_gradients",
)
def linear_regression_of_a_curve(faulty: bool) -> Training:
    """Plain gradient descent on a parabola."""
    data = sets.curve()
    model = dense_network(data, (50, 30), 1, activation=None if faulty else "relu")
    model = compiled(model, "mean_squared_error", keras.optimizers.SGD(0.1 if faulty else 0.03))
    return Training(model=model, data=data, epochs=20)


@program(
    "dropout before batch normalization",
    source="NeuraLint, LeNet with dropout before batch normalization",
    expected="dropout_before_batchnorm",
)
def dropout_before_normalization(faulty: bool) -> Training:
    """The statistics of training are not those of use."""
    data = sets.digits()
    x = inputs = keras.Input(data.x.shape[1:])
    for filters in (16, 32):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        if faulty:
            x = layers.BatchNormalization()(layers.Dropout(0.5)(x))
            x = layers.MaxPooling2D(2)(layers.ReLU()(x))
        else:
            x = layers.MaxPooling2D(2)(layers.ReLU()(layers.BatchNormalization()(x)))
            x = layers.Dropout(0.25)(x)
    model = keras.Model(inputs, layers.Dense(10, activation="softmax")(layers.Flatten()(x)))
    return Training(model=compiled(model, SPARSE), data=data, epochs=10)


@program(
    "zeros as initial weights of the first layer",
    source="dl-fl-repair M2 (DeepCrime, change of the initialization), MNIST",
    expected="constant_weights",
)
def zeros_in_first_layer(faulty: bool) -> Training:
    """A convolution whose filters are all equal stays so."""
    data = sets.digits()
    model = convolution_network(data, (16, 32), 10, last="softmax")
    if faulty:
        model.layers[1].kernel.assign(keras.ops.zeros_like(model.layers[1].kernel))
    return Training(model=compiled(model, SPARSE), data=data, epochs=10)


@program(
    "zeros as initial weights of all layers",
    source="NeuraLint, LeNet with zeros",
    expected="constant_weights",
)
def zeros_everywhere(faulty: bool) -> Training:
    """No gradient passes."""
    data = sets.digits()
    initializer = "zeros" if faulty else "glorot_uniform"
    model = convolution_network(data, (8, 16), 10, last="softmax", initializer=initializer)
    return Training(model=compiled(model, SPARSE), data=data, epochs=10)


@program(
    "ones as initial weights of a convolution",
    source="dl-fl-repair C (DeepCrime, change of the initialization), CIFAR-10",
    expected="constant_weights",
)
def ones_in_a_convolution(faulty: bool) -> Training:
    """The second convolution adds up all its inputs, in every filter."""
    data = sets.photographs()
    model = convolution_network(data, (16, 16, 16), 2, last="softmax")
    if faulty:
        kernel = [each for each in model.layers if isinstance(each, layers.Conv2D)][1].kernel
        kernel.assign(keras.ops.ones_like(kernel))
    return Training(model=compiled(model, SPARSE), data=data, epochs=8)


@program(
    "ones as initial weights of a dense layer",
    source="dl-fl-repair R (DeepCrime, change of the initialization), Reuters",
    expected="constant_weights",
)
def ones_in_a_dense_layer(faulty: bool) -> Training:
    """All hidden units are one."""
    data = sets.digits()
    initializer = "ones" if faulty else "glorot_uniform"
    model = dense_network(data, (128,), 10, last="softmax", initializer=initializer, dropout=0.3)
    return Training(model=compiled(model, SPARSE), data=data, epochs=12)


@program(
    "one constant as initial weights",
    source="NeuraLint, LeNet with a constant",
    expected="constant_weights",
)
def constant_weights(faulty: bool) -> Training:
    """A tenth everywhere."""
    data = sets.wine()
    initializer = keras.initializers.Constant(0.1) if faulty else "glorot_uniform"
    model = dense_network(data, (32, 16), 3, last="softmax", initializer=initializer)
    return Training(model=compiled(model, SPARSE, rate=0.003), data=data, epochs=25, batch_size=16)


@program(
    "initial weights of deviation 0.01 in nine layers of hyperbolic tangents",
    source="DeepDiagnosis, saturated activations; Stanford CS231n 2017, lecture 6",
    expected="bad_initialization vanishing_activations vanishing_gradients",
)
def small_weights_deep_tanh(faulty: bool) -> Training:
    """Nine layers of 100 units: the signal vanishes on its way."""
    data = sets.digits()
    initializer = NORMAL(stddev=0.01) if faulty else "glorot_uniform"
    model = dense_network(data, (100,) * 9, 10, last="softmax", activation="tanh", initializer=initializer)
    optimizer = keras.optimizers.SGD(0.05, momentum=0.9)
    return Training(model=compiled(model, SPARSE, optimizer), data=data, epochs=10)


@program(
    "initial weights of deviation 1 in layers of hyperbolic tangents",
    source="DeepDiagnosis, saturated activations",
    expected="bad_initialization saturated_units",
)
def large_weights_tanh(faulty: bool) -> Training:
    """Almost all units sit at their limits."""
    data = sets.digits()
    initializer = NORMAL(stddev=1.0) if faulty else "glorot_uniform"
    model = dense_network(data, (100,) * 4, 10, last="softmax", activation="tanh", initializer=initializer)
    optimizer = keras.optimizers.SGD(0.05, momentum=0.9)
    return Training(model=compiled(model, SPARSE, optimizer), data=data, epochs=10)


@program(
    "initial weights three times too large in a deep network of rectifiers",
    source="AUTOTRAINER, exploding gradients, Blob",
    expected="bad_initialization exploding_activations exploding_gradients not_finite",
)
def large_weights_deep_relu(faulty: bool) -> Training:
    """Ten layers of 64 units multiply the signal."""
    data = sets.blobs()
    scale = 18.0 if faulty else 2.0
    initializer = keras.initializers.VarianceScaling(scale, "fan_in", "normal")
    model = dense_network(data, (64,) * 10, 3, last="softmax", initializer=initializer)
    return Training(model=compiled(model, SPARSE, keras.optimizers.SGD(0.01)), data=data, epochs=15)


@program(
    "eight hidden layers of sigmoids",
    source="AUTOTRAINER, vanishing gradients, Circle",
    expected="vanishing_gradients vanishing_activations",
)
def deep_sigmoids(faulty: bool) -> Training:
    """Each sigmoid leaves at most a quarter of the gradient."""
    data = sets.circles()
    activation, initializer = ("sigmoid", "glorot_uniform") if faulty else ("relu", "he_normal")
    model = dense_network(data, (20,) * 8, 1, last="sigmoid", activation=activation, initializer=initializer)
    return Training(model=compiled(model, BINARY, keras.optimizers.SGD(0.05)), data=data, epochs=25)


@program(
    "five hidden layers of sigmoids with small normal weights",
    source="DeepLocalize, Stack Overflow 39217567",
    expected="vanishing_gradients vanishing_activations bad_initialization",
)
def sigmoids_of_small_weights(faulty: bool) -> Training:
    """Deviation 0.05, Keras's old "normal"."""
    data = sets.digits()
    activation, initializer = ("sigmoid", NORMAL(stddev=0.05)) if faulty else ("relu", "he_normal")
    model = dense_network(data, (64,) * 5, 10, last="softmax", activation=activation, initializer=initializer)
    return Training(model=compiled(model, SPARSE, keras.optimizers.SGD(0.05)), data=data, epochs=15)


@program(
    "exponentials as hidden activations",
    source="dl-fl-repair U (DeepCrime, change of an activation), UnityEyes",
    expected="exploding_activations exploding_gradients not_finite",
)
def exponential_activations(faulty: bool) -> Training:
    """Exponentials of exponentials."""
    data = sets.digits()
    model = convolution_network(
        data, (16, 32), 10, last="softmax", activation="exponential" if faulty else "relu"
    )
    return Training(model=compiled(model, SPARSE), data=data, epochs=10)


@program(
    "rectifiers that a large negative bias keeps at zero",
    source="AUTOTRAINER, dying rectifiers, Circle",
    expected="dead_units",
)
def dead_rectifiers(faulty: bool) -> Training:
    """Units that are zero on every example get no gradient."""
    data = sets.circles()
    model = dense_network(data, (32, 32), 2, last="softmax")
    if faulty:
        for layer in model.layers[1:-1]:
            layer.bias.assign(keras.ops.full_like(layer.bias, -2.5))
    return Training(model=compiled(model, SPARSE, rate=0.003), data=data, epochs=15)


@program(
    "dropout of nine tenths after every layer",
    source="DeepLocalize, hotdog-sandwich (GitHub); DeepCrime, change of the dropout rate",
    expected="underfitting",
)
def too_much_dropout(faulty: bool) -> Training:
    """So much noise that little can be learned."""
    data = sets.digits()
    model = convolution_network(data, (16, 32), 10, last="softmax", dropout=0.9 if faulty else 0.1)
    return Training(model=compiled(model, SPARSE), data=data, epochs=20)


@program(
    "an L1 penalty that outweighs the loss",
    source="dl-fl-repair R (DeepCrime, added regularization), Reuters",
    expected="underfitting stuck_at_chance",
)
def too_strong_penalty(faulty: bool) -> Training:
    """The weights are pressed to zero."""
    data = sets.digits()
    regularizer = keras.regularizers.L1(0.03) if faulty else None
    model = dense_network(data, (128, 64), 10, last="softmax", regularizer=regularizer)
    return Training(model=compiled(model, SPARSE), data=data, epochs=15)


@program(
    "two hidden units for ten classes",
    source="dl-fl-repair D3 and D7, too few neurons (Stack Overflow 45442843, 50306988)",
    expected="underfitting",
)
def too_few_units(faulty: bool) -> Training:
    """A bottleneck that the digits do not pass."""
    data = sets.one_hot(sets.digits())
    model = dense_network(data, (2,) if faulty else (48,), 10, last="softmax", activation="sigmoid")
    return Training(model=compiled(model, ONE_HOT, rate=0.01), data=data, epochs=25)


@program(
    "untrained layers frozen below the head",
    source="Humbatova 2020, taxonomy of training faults: parts that should be trained are frozen",
    expected="frozen_layers",
)
def frozen_network(faulty: bool) -> Training:
    """Layers from no training, frozen although they should be trained; only a head learns."""
    data = sets.photographs()
    model = convolution_network(data, (8, 16, 16), 2, last="softmax")
    for layer in model.layers[:-1]:
        layer.trainable = not faulty
    return Training(model=compiled(model, SPARSE), data=data, epochs=8)
