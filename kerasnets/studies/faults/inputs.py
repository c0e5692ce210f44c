"""Faults of the data: scale, order, labels, validation, size of the batch."""

from dataclasses import replace

import keras
import numpy as np
from keras import layers

from kerasnets.studies.faults import data as sets
from kerasnets.studies.faults.networks import compiled, convolution_network, dense_network
from kerasnets.studies.faults.outputs import BINARY, ONE_HOT, SPARSE
from kerasnets.studies.faults.program import Training, program


@program(
    "pixels from 0 to 255",
    source="DeepLocalize, Stack Overflow 48594888 and 55328966; UMLAUT, inputs not normalized",
    expected="unnormalized_input",
)
def raw_pixels(faulty: bool) -> Training:
    """Digits without the division by 255, by gradient descent."""
    data = sets.one_hot(sets.digits(raw=faulty))
    model = convolution_network(data, (16, 32), 10, last="softmax")
    optimizer = keras.optimizers.SGD(0.02, momentum=0.9)
    return Training(model=compiled(model, ONE_HOT, optimizer), data=data, epochs=10)


@program(
    "a table's columns as they are, from tenths to thousands",
    source="DeepLocalize, Stack Overflow 39525358 and 44066044",
    expected="unnormalized_input",
)
def raw_columns(faulty: bool) -> Training:
    """Chemistry of wines."""
    data = sets.wine(raw=faulty)
    model = dense_network(data, (12, 12), 3, last="softmax")
    return Training(model=compiled(model, SPARSE, rate=0.003), data=data, epochs=30, batch_size=10)


@program(
    "a medical table's columns as they are",
    source="DeepLocalize, kerasma (GitHub)",
    expected="unnormalized_input",
)
def raw_measurements(faulty: bool) -> Training:
    """Tumors of two kinds."""
    data = sets.tumors(raw=faulty)
    model = dense_network(data, (12, 8), 1, last="sigmoid")
    return Training(model=compiled(model, BINARY, rate=0.003), data=data, epochs=20, batch_size=10)


@program(
    "inputs and targets of a curve as they are, in the hundreds",
    source="DeepLocalize, Stack Overflow 52800582",
    expected="unnormalized_input saturated_units",
)
def raw_curve(faulty: bool) -> Training:
    """Sigmoids of inputs up to 400 are 0 or 1."""
    data = sets.curve(raw=faulty)
    model = dense_network(data, (40,), 1, activation="sigmoid")
    model = compiled(model, "mean_squared_error", rate=0.02)
    return Training(model=model, data=data, epochs=25)


@program(
    "images that are all alike, after an integer division by 255",
    source="Humbatova 2020, taxonomy: wrong preprocessing",
    expected="constant_input",
)
def empty_images(faulty: bool) -> Training:
    """All pixels are 0."""
    data = sets.digits()
    data = replace(data, x=np.zeros_like(data.x)) if faulty else data
    model = convolution_network(data, (16, 32), 10, last="softmax")
    return Training(model=compiled(model, SPARSE), data=data, epochs=8)


@program(
    "labels shuffled apart from their inputs",
    source="DeepLocalize, Stack Overflow 39217567",
    expected="stuck_at_chance label_noise",
)
def shuffled_labels(faulty: bool) -> Training:
    """Nothing but memory can fit them."""
    data = sets.digits()
    if faulty:
        data = sets.with_labels(data, lambda y: np.random.default_rng(3).permutation(y))
    model = convolution_network(data, (16, 32), 10, last="softmax")
    return Training(model=compiled(model, SPARSE), data=data, epochs=10)


@program(
    "two labels in five changed at random",
    source="DeepCrime, change of labels",
    expected="label_noise",
)
def changed_labels(faulty: bool) -> Training:
    """The loss goes below what clean labels allow on training data alone."""
    data = sets.digits()

    def changed(y: np.ndarray) -> np.ndarray:
        random = np.random.default_rng(4)
        return np.where(random.random(len(y)) < 0.4, random.integers(0, 10, len(y)), y) if faulty else y

    data = replace(data, y=changed(data.y))
    model = convolution_network(data, (16, 32), 10, last="softmax")
    return Training(model=compiled(model, SPARSE), data=data, epochs=20)


@program(
    "one class in nineteen of twenty examples",
    source="DeepCrime, unbalanced training data",
    expected="stuck_at_majority",
)
def unbalanced_classes(faulty: bool) -> Training:
    """A weak network of a low rate answers the frequent class always."""
    data = sets.blobs(2, spread=6.0)
    if faulty:
        kept = np.flatnonzero((data.y == 0) | (np.cumsum(data.y == 1) <= 22) & (data.y == 1))
        data = replace(data, x=data.x[kept], y=data.y[kept])
    model = dense_network(data, (16,), 2, last="softmax")
    return Training(model=compiled(model, SPARSE, rate=0.001 if faulty else 0.01), data=data, epochs=25)


@program(
    "examples ordered by class, not shuffled",
    source="Humbatova 2020, taxonomy: wrong selection of data; Bengio 2012, order of examples",
    expected="unshuffled",
)
def ordered_examples(faulty: bool) -> Training:
    """Every batch is of one class, and forgets the one before."""
    data = sets.digits()
    data = sets.by_class(data) if faulty else data
    model = convolution_network(data, (16, 32), 10, last="softmax")
    options = {"shuffle": not faulty}
    return Training(model=compiled(model, SPARSE), data=data, epochs=10, options=options)


@program(
    "the last classes as validation, split from ordered data",
    source="Keras's validation_split on sorted data, rocuku.github.io/keras-validation-split-shuffle",
    expected="validation_differs",
)
def ordered_validation(faulty: bool) -> Training:
    """Keras takes the last fifth before it shuffles: classes that training has not seen."""
    data = sets.digits()
    data = replace(sets.by_class(data) if faulty else data, validation=None)
    model = convolution_network(data, (16, 32), 10, last="softmax")
    options = {"validation_split": 0.2}
    return Training(model=compiled(model, SPARSE), data=data, epochs=10, options=options)


@program(
    "validation images from 0 to 255 of a network trained on 0 to 1",
    source="DeepLocalize, Stack Overflow 59325381",
    expected="validation_differs",
)
def raw_validation(faulty: bool) -> Training:
    """The division was forgotten for the test images alone."""
    data = sets.digits()
    validation = (
        (data.validation[0] * (255 if faulty else 1), data.validation[1]) if data.validation else None
    )
    data = replace(data, validation=validation)
    model = convolution_network(data, (16, 32), 10, last="softmax")
    return Training(model=compiled(model, SPARSE), data=data, epochs=10)


@program(
    "examples doubled before the split, so that validation knows half of them",
    source="UMLAUT, accuracy of validation too high: data leaks",
    expected="validation_leak",
)
def doubled_examples(faulty: bool) -> Training:
    """Rare examples are doubled for balance; the split comes after it."""
    data = sets.digits()
    assert data.validation
    if faulty:
        x, y = data.validation
        half = len(x) // 2
        data = replace(data, x=np.concatenate([data.x, x[:half]]), y=np.concatenate([data.y, y[:half]]))
    model = convolution_network(data, (16, 32), 10, last="softmax")
    return Training(model=compiled(model, SPARSE), data=data, epochs=10)


@program(
    "a large network without regularization on few examples",
    source="DeepLocalize, MovieReviews_Keras (GitHub)",
    expected="overfitting",
)
def few_examples(faulty: bool) -> Training:
    """Sixty digits learned by heart; with all of them and dropout the same network is sound."""
    data = sets.few(sets.digits(), 60) if faulty else sets.digits()
    model = dense_network(data, (256, 256), 10, last="softmax", dropout=0.0 if faulty else 0.4)
    return Training(model=compiled(model, SPARSE), data=data, epochs=60 if faulty else 12, batch_size=20)


@program(
    "batch normalization of two examples",
    source="Humbatova 2020, taxonomy: suboptimal batch size; Wu and He 2018, figure 1",
    expected="batchnorm_small_batch",
)
def normalization_of_two(faulty: bool) -> Training:
    """Mean and deviation of two numbers are hardly theirs."""
    data = sets.wine()
    model = dense_network(data, (32, 32, 32), 3, last="softmax", normalized=True)
    model = compiled(model, SPARSE, rate=0.001)
    return Training(model=model, data=data, epochs=8 if faulty else 30, batch_size=2 if faulty else 32)


@program(
    "batch normalization whose averages follow too slowly",
    source="Humbatova 2020, taxonomy: wrong layer parameters; keras-team/keras, BatchNormalization(momentum)",
    expected="batchnorm_mode",
)
def normalization_too_slow(faulty: bool) -> Training:
    """After 400 steps of momentum 0.9999 evaluation still normalizes by the first guess, 0 and 1."""
    data = sets.digits(raw=False)
    x = inputs = keras.Input(data.x.shape[1:])
    for filters in (16, 32):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False, kernel_initializer="he_normal")(x)
        x = layers.BatchNormalization(momentum=0.9999 if faulty else 0.9)(x)
        x = layers.MaxPooling2D(2)(layers.ReLU()(x))
    model = keras.Model(inputs, layers.Dense(10, activation="softmax")(layers.Flatten()(x)))
    return Training(model=compiled(model, SPARSE), data=data, epochs=10)
