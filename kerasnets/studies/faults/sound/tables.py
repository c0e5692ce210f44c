"""Sound trainings on tables: classes and numbers."""

from functools import partial

import keras
from keras import optimizers

from kerasnets.studies.faults import data as sets
from kerasnets.studies.faults.sound.trainings import BINARY, SQUARED, Healthy, dense, made_by, momentum

TABLES: dict[str, Healthy] = {
    "iris": Healthy(
        "dense layers, iris",
        partial(
            dense, sets.iris, (16,), 3, epochs=40, batch_size=16, optimizer=made_by(optimizers.Adam, 0.01)
        ),
    ),
    "iris_sgd": Healthy(
        "dense layers, iris, momentum",
        partial(dense, sets.iris, (16, 16), 3, epochs=40, batch_size=16, optimizer=momentum(0.02)),
    ),
    "wine": Healthy(
        "dense layers, wine, Adam",
        partial(
            dense, sets.wine, (32,), 3, epochs=25, batch_size=16, optimizer=made_by(optimizers.Adam, 0.003)
        ),
    ),
    "wine_normalized": Healthy(
        "dense layers with batch normalization, wine",
        partial(dense, sets.wine, (32, 32), 3, epochs=25, normalized=True),
    ),
    "tumors": Healthy(
        "dense layers, tumors, one sigmoid", partial(dense, sets.tumors, (16, 8), 1, epochs=15, **BINARY)
    ),
    "tumors_two": Healthy(
        "dense layers, tumors, softmax of two", partial(dense, sets.tumors, (16,), 2, epochs=15)
    ),
    "blobs": Healthy("dense layers, points around centres", partial(dense, sets.blobs, (32, 32), 3)),
    "circles": Healthy("dense layers, two rings", partial(dense, sets.circles, (32, 32), 2)),
    "moons": Healthy("dense layers, two half rings", partial(dense, sets.moons, (32, 16), 1, **BINARY)),
    "xor": Healthy(
        "dense layers of tanh, XOR",
        partial(
            dense, sets.xor, (16,), 1, activation="tanh", optimizer=made_by(optimizers.Adam, 0.02), **BINARY
        ),
    ),
    "digits_dense": Healthy("dense layers, digits", partial(dense, sets.digits, (64, 64), 10)),
    "digits_dense_l2": Healthy(
        "dense layers, digits, L2 penalty",
        partial(dense, sets.digits, (64, 64), 10, regularizer=keras.regularizers.L2(1e-4)),
    ),
    "digits_dense_sigmoid": Healthy(
        "one hidden layer of sigmoids, digits",
        partial(
            dense,
            sets.digits,
            (64,),
            10,
            activation="sigmoid",
            epochs=20,
            optimizer=made_by(optimizers.Adam, 0.005),
        ),
    ),
    "digits_dense_deep": Healthy(
        "eight dense layers, He's initialization, digits",
        partial(dense, sets.digits, (64,) * 8, 10, initializer="he_normal"),
    ),
    "digits_large_batch": Healthy(
        "dense layers, digits, batches of 256",
        partial(
            dense,
            sets.digits,
            (64, 64),
            10,
            batch_size=256,
            epochs=60,
            optimizer=made_by(optimizers.Adam, 0.003),
        ),
    ),
    "digits_small_batch": Healthy(
        "dense layers, digits, batches of 8", partial(dense, sets.digits, (64,), 10, batch_size=8, epochs=6)
    ),
    # numbers
    "diabetes": Healthy(
        "regression, illness",
        partial(dense, sets.diabetes, (16,), 1, dropout=0.2, epochs=20, batch_size=16, **SQUARED),
    ),
    "curve": Healthy(
        "regression, a parabola",
        partial(dense, sets.curve, (32, 32), 1, optimizer=made_by(optimizers.Adam, 0.005), **SQUARED),
    ),
    "curve_tanh": Healthy(
        "regression, a parabola, tanh, RMSprop",
        partial(
            dense,
            sets.curve,
            (32,),
            1,
            activation="tanh",
            optimizer=made_by(optimizers.RMSprop, 0.005),
            **SQUARED,
        ),
    ),
    "prices": Healthy(
        "regression, prices, Adam",
        partial(dense, sets.prices, (32,), 1, optimizer=made_by(optimizers.Adam, 0.003), **SQUARED),
    ),
    "prices_sgd": Healthy(
        "regression, prices, momentum",
        partial(dense, sets.prices, (32,), 1, optimizer=momentum(0.005), **SQUARED),
    ),
}
