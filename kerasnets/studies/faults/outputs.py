"""Faults of the last layer, the loss and the labels."""

import keras
import numpy as np
from keras import layers

from kerasnets.studies.faults import data as sets
from kerasnets.studies.faults.networks import compiled, convolution_network, dense_network
from kerasnets.studies.faults.program import Training, program

SPARSE, ONE_HOT, BINARY = (
    "sparse_categorical_crossentropy",
    "categorical_crossentropy",
    "binary_crossentropy",
)


@program(
    "softmax of a single unit, which is always 1",
    source="DeepLocalize, Stack Overflow 31627380",
    expected="last_activation_mismatch",
)
def softmax_of_one_unit(faulty: bool) -> Training:
    """A survival classifier whose only output unit has a softmax."""
    data = sets.tumors()
    model = dense_network(data, (30, 20), 1, last="softmax" if faulty else "sigmoid")
    return Training(model=compiled(model, BINARY), data=data, epochs=15)


@program(
    "softmax of a single unit under a squared error",
    source="DeepLocalize, Stack Overflow 34673164",
    expected="last_activation_mismatch loss_mismatch",
)
def softmax_of_one_unit_squared_error(faulty: bool) -> Training:
    """A table's two classes; the squared error, momentum and batches of 16 as in the question."""
    data = sets.blobs(2, spread=3.0)
    model = dense_network(data, (64, 64), 1, last="softmax" if faulty else "sigmoid", dropout=0.2)
    optimizer = keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True)
    model = compiled(model, "mean_squared_error" if faulty else BINARY, optimizer)
    return Training(model=model, data=data, epochs=12, batch_size=16)


@program(
    "softmax of a single unit under an absolute error",
    source="DeepLocalize and dl-fl-repair D3, Stack Overflow 45442843",
    expected="last_activation_mismatch loss_mismatch",
)
def softmax_of_one_unit_absolute_error(faulty: bool) -> Training:
    """Two classes of numbers; RMSprop."""
    data = sets.tumors()
    model = dense_network(data, (16,), 1, last="softmax" if faulty else "sigmoid", activation="sigmoid")
    model = compiled(model, "mean_absolute_error" if faulty else BINARY, "rmsprop", 0.01)
    return Training(model=model, data=data, epochs=20)


@program(
    "XOR with a softmax of one unit and a rate of 0.001",
    source="DeepLocalize and NeuraLint, Stack Overflow 34311586",
    expected="last_activation_mismatch rate_too_low",
)
def xor_softmax_of_one_unit(faulty: bool) -> Training:
    """The classic small network of sigmoids."""
    data = sets.xor()
    model = dense_network(data, (8, 8), 1, last="softmax" if faulty else "sigmoid", activation="tanh")
    optimizer = keras.optimizers.SGD(0.001 if faulty else 0.1, momentum=0.9, nesterov=True)
    return Training(model=compiled(model, BINARY, optimizer), data=data, epochs=20, batch_size=16)


@program(
    "rectifier as the last activation of a classifier",
    source="DeepLocalize, Stack Overflow 47352366",
    expected="last_activation_mismatch",
)
def rectified_classes(faulty: bool) -> Training:
    """Handwritten digits by convolutions."""
    data = sets.one_hot(sets.digits())
    model = convolution_network(data, (16, 32), 10, last="relu" if faulty else "softmax")
    return Training(model=compiled(model, ONE_HOT), data=data, epochs=12)


@program(
    "rectifier as the last activation of two classes",
    source="DeepLocalize, Stack Overflow 44066044",
    expected="last_activation_mismatch",
)
def rectified_probability(faulty: bool) -> Training:
    """Network packets of two kinds."""
    data = sets.tumors()
    model = dense_network(data, (12, 12), 1, last="relu" if faulty else "sigmoid")
    return Training(model=compiled(model, BINARY), data=data, epochs=20, batch_size=10)


@program(
    "sigmoid as the last activation of exclusive classes",
    source="DeepLocalize, Stack Overflow 51930566",
    expected="last_activation_mismatch",
)
def sigmoid_of_classes(faulty: bool) -> Training:
    """Three kinds of iris."""
    data = sets.one_hot(sets.iris())
    model = dense_network(data, (16,), 3, last="sigmoid" if faulty else "softmax")
    return Training(model=compiled(model, ONE_HOT, rate=0.01), data=data, epochs=40, batch_size=8)


@program(
    "hyperbolic tangent as the last activation of exclusive classes",
    source="NeuraLint and DeepLocalize, Stack Overflow 33969059",
    expected="last_activation_mismatch",
)
def tanh_of_classes(faulty: bool) -> Training:
    """A network of hyperbolic tangents whose last layer is one more of the kind."""
    data = sets.one_hot(sets.blobs())
    model = dense_network(data, (8,), 3, last="tanh" if faulty else "softmax", activation="tanh")
    return Training(model=compiled(model, ONE_HOT, rate=0.01), data=data, epochs=15)


@program(
    "no softmax before a loss that expects one",
    source="NeuraLint, LeNet without softmax; dl-fl-repair M3, MNIST without the last activation",
    expected="last_activation_mismatch",
)
def missing_softmax(faulty: bool) -> Training:
    """Digits by LeNet's plan; the loss takes probabilities and gets logits."""
    data = sets.digits(size=16)
    model = convolution_network(data, (6, 16), 10, last=None if faulty else "softmax")
    return Training(model=compiled(model, SPARSE), data=data, epochs=10)


@program(
    "no sigmoid before a loss that expects one",
    source="NeuraLint, binary LeNet without sigmoid",
    expected="last_activation_mismatch",
)
def missing_sigmoid(faulty: bool) -> Training:
    """Even digits and odd ones."""
    data = sets.with_labels(sets.digits(), lambda y: y % 2)
    model = convolution_network(data, (8, 16), 1, last=None if faulty else "sigmoid")
    return Training(model=compiled(model, BINARY), data=data, epochs=12)


@program(
    "softmax before a loss that applies one itself",
    source="NeuraLint, LeNet with wrong loss inputs; UMLAUT, task A",
    expected="softmax_twice",
)
def softmax_and_logits(faulty: bool) -> Training:
    """The loss is told that it gets logits."""
    data = sets.digits()
    model = convolution_network(data, (16, 32), 10, last="softmax" if faulty else None)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return Training(model=compiled(model, loss), data=data, epochs=12)


@program(
    "two softmaxes after each other",
    source="NeuraLint, LeNet with a double activation",
    expected="softmax_twice",
)
def double_softmax(faulty: bool) -> Training:
    """A softmax layer after a dense layer that has one."""
    data = sets.wine()
    model = dense_network(data, (32,), 3, last="softmax")
    if faulty:
        model = keras.Model(model.inputs, layers.Softmax()(model.outputs[0]))
    return Training(model=compiled(model, SPARSE, rate=0.003), data=data, epochs=30, batch_size=16)


@program(
    "one sigmoid unit and a binary loss for three classes",
    source="DeepLocalize and NeuraLint, Stack Overflow 50079585",
    expected="loss_mismatch labels_out_of_range last_activation_mismatch",
)
def binary_loss_of_three_classes(faulty: bool) -> Training:
    """Labels 0, 1 and 2."""
    data = sets.blobs(3)
    model = dense_network(data, (32, 16), 1 if faulty else 3, last="sigmoid" if faulty else "softmax")
    return Training(model=compiled(model, BINARY if faulty else SPARSE), data=data, epochs=15)


@program(
    "binary cross-entropy for ten exclusive classes",
    source="DeepLocalize and DeepFD, Stack Overflow 31880720",
    expected="loss_mismatch",
)
def binary_loss_of_ten_classes(faulty: bool) -> Training:
    """Softmax and one-hot labels: every class left out counts as an answer."""
    data = sets.one_hot(sets.digits())
    model = dense_network(data, (50, 50), 10, last="softmax")
    return Training(model=compiled(model, BINARY if faulty else ONE_HOT, "rmsprop"), data=data, epochs=12)


@program(
    "squared error of unbounded outputs for classes, at rate 3",
    source="DeepLocalize and dl-fl-repair D4, Stack Overflow 48385830",
    expected="loss_mismatch last_activation_mismatch rate_too_high not_finite no_nonlinearity",
)
def squared_error_of_classes(faulty: bool) -> Training:
    """Digits; the question's network has no activation either, and diverges at once."""
    data = sets.one_hot(sets.digits())
    if faulty:
        model = dense_network(data, (30,), 10, activation=None)
        model = compiled(model, "mean_squared_error", keras.optimizers.SGD(3.0))
    else:
        model = dense_network(data, (30,), 10, last="softmax", activation="sigmoid")
        model = compiled(model, ONE_HOT, keras.optimizers.SGD(0.5))
    return Training(model=model, data=data, epochs=15, batch_size=10)


@program(
    "absolute error for two classes",
    source="DeepLocalize and DeepFD, Stack Overflow 31556268",
    expected="loss_mismatch",
)
def absolute_error_of_classes(faulty: bool) -> Training:
    """XOR under an absolute error and a small momentum."""
    data = sets.xor()
    model = dense_network(data, (8,), 1, last="sigmoid", activation="tanh")
    loss = "mean_absolute_error" if faulty else BINARY
    optimizer = keras.optimizers.SGD(0.05, momentum=0.11, nesterov=True) if faulty else "adam"
    model = compiled(model, loss, optimizer, None if faulty else 0.01)
    return Training(model=model, data=data, epochs=25, batch_size=16)


@program(
    "hinge loss of the probabilities of exclusive classes",
    source="dl-fl-repair R (DeepCrime, change of the loss), Reuters",
    expected="loss_mismatch",
)
def hinge_of_classes(faulty: bool) -> Training:
    """A wide dense network with dropout, as for news wires; a softmax never reaches the margin of -1."""
    data = sets.one_hot(sets.digits())
    model = dense_network(data, (128,), 10, last="softmax", dropout=0.5)
    return Training(model=compiled(model, "hinge" if faulty else ONE_HOT), data=data, epochs=15)


@program(
    "squared logarithmic error of targets below 0, which it takes for 0",
    source="dl-fl-repair U (DeepCrime, change of the loss), UnityEyes",
    expected="loss_mismatch labels_out_of_range",
)
def logarithmic_error_of_negatives(faulty: bool) -> Training:
    """Standardized targets, as the angles of a gaze."""
    data = sets.diabetes()
    model = dense_network(data, (32,), 1)
    loss = "mean_squared_logarithmic_error" if faulty else "mean_squared_error"
    return Training(model=compiled(model, loss), data=data, epochs=20, batch_size=16)


@program(
    "sigmoid as the last activation of numbers outside 0 to 1",
    source="DeepLocalize, Stack Overflow 48221692",
    expected="last_activation_mismatch",
)
def sigmoid_of_numbers(faulty: bool) -> Training:
    """A curve between two coordinates."""
    data = sets.curve()
    model = dense_network(data, (16,), 1, last="sigmoid" if faulty else None, activation="tanh")
    return Training(model=compiled(model, "mean_squared_error", rate=0.01), data=data, epochs=20)


@program(
    "labels counted from 1, for outputs counted from 0",
    source="DeepFD and dl-fl-repair D7, Stack Overflow 50306988; rstudio/keras3 issue 465",
    expected="labels_out_of_range",
)
def labels_from_one(faulty: bool) -> Training:
    """Iris; the class of the highest number has no output."""
    data = sets.with_labels(sets.iris(), lambda y: y + faulty)
    model = dense_network(data, (16,), 3, last="softmax")
    return Training(model=compiled(model, SPARSE, rate=0.01), data=data, epochs=40, batch_size=8)


@program(
    "labels divided by 255 together with the images",
    source="DeepLocalize and dl-fl-repair D9, Stack Overflow 59325381",
    expected="labels_out_of_range loss_mismatch",
)
def scaled_labels(faulty: bool) -> Training:
    """All labels lie between 0 and 0.04, which the loss rounds to class 0."""
    data = sets.digits()
    data = sets.with_labels(data, lambda y: (y / 255).astype("float32")) if faulty else data
    model = convolution_network(data, (16, 32), 10, last="softmax")
    return Training(model=compiled(model, SPARSE), data=data, epochs=10)


@program(
    "a label that marks what is unknown, -1, left among the labels",
    source="DeepCrime's replication package, taxonomy of data faults (Humbatova 2020)",
    expected="labels_out_of_range",
)
def unknown_labels(faulty: bool) -> Training:
    """One example in twenty has the label -1."""

    def marked(y: np.ndarray) -> np.ndarray:
        return np.where(np.arange(len(y)) % 20 == 7, -1, y) if faulty else y

    data = sets.with_labels(sets.wine(), marked)
    model = dense_network(data, (32,), 3, last="softmax")
    return Training(model=compiled(model, SPARSE, rate=0.003), data=data, epochs=25, batch_size=16)
