"""Run a range test in a fit, and check that nothing has changed after it: run on any backend."""

import keras
import numpy as np

from kerasnets.callbacks import LearningRateRange

DRAW = np.random.default_rng(0)
X = DRAW.normal(size=(160, 6)).astype("float32")
Y = (X @ DRAW.normal(size=(6, 3))).argmax(1).astype("int32")
BATCH = 16


def network(rate=0.05):
    """Return a compiled model with batch normalization, dropout and an optimizer with slots."""
    keras.utils.set_random_seed(5)
    images = keras.Input((6,))
    x = keras.layers.Dense(16, activation="relu", name="hidden")(images)
    x = keras.layers.Dropout(0.3)(keras.layers.BatchNormalization()(x))
    model = keras.Model(images, keras.layers.Dense(3, name="logits")(x))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(rate), loss, metrics=["accuracy"])
    return model


def numbers(model):
    """Return copies of all that a training depends on."""
    variables = [*model.variables, *model.optimizer.variables]
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]


class ByHand(keras.callbacks.Callback):
    """Keeps weights before and after each step, and the loss that Keras logs of a model without state."""

    def __init__(self):
        super().__init__()
        self.weights, self.rates = [], []

    def on_train_batch_begin(self, batch, logs=None):
        """Keep what the step begins with."""
        self.rates.append(float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)))
        self.weights.append([np.array(w, "float64") for w in self.model.get_weights()])


def equal(first, second):
    """Whether two lists of arrays are equal bit for bit."""
    return len(first) == len(second) and all(map(np.array_equal, first, second))


def trained(model, *, tested):
    """Train for an epoch, then perhaps test, then go on; return losses and all numbers."""
    losses = model.fit(X, Y, batch_size=BATCH, epochs=1, verbose=0).history["loss"]
    if tested:
        before = numbers(model)
        test = LearningRateRange(1e-5, 100.0, sweeps=2, steps=20)
        model.fit(X, Y, batch_size=BATCH, epochs=9, verbose=0, callbacks=[test])
        assert equal(before, numbers(model)), "variables have changed"
        assert test.result.losses.shape == (2, 20)
        print("variables are right")
    losses += model.fit(X, Y, batch_size=BATCH, epochs=2, verbose=0).history["loss"]
    return losses, numbers(model)


def check_no_trace():
    """A training goes on after a test as it would have without: order, masks, slots."""
    plain, tested = (trained(network(), tested=each) for each in (False, True))
    assert plain[0] == tested[0], (plain[0], tested[0])
    assert equal(plain[1], tested[1])
    print("what follows is right")


def check_numbers():
    """Rates, losses and update ratios of a linear fit, against NumPy's."""
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(1, use_bias=False)])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    targets = (X @ np.arange(6.0)).astype("float32")[:, None]
    first = np.array(model.get_weights()[0], "float64")
    by_hand, test = ByHand(), LearningRateRange(1e-4, 1e-2, sweeps=2, steps=9)
    model.fit(X, targets, batch_size=BATCH, epochs=2, shuffle=False, verbose=0, callbacks=[test, by_hand])
    np.testing.assert_allclose(by_hand.rates, [*np.geomspace(1e-4, 1e-2, 9), 1e-2] * 2, rtol=1e-5)
    print("rates are right")
    weights, expected = first, []
    for step, rate in enumerate(np.geomspace(1e-4, 1e-2, 9)):
        x, y = X[BATCH * step :][:BATCH].astype("float64"), targets[BATCH * step :][:BATCH]
        moved = rate * 2 * x.T @ (x @ weights - y) / BATCH
        np.testing.assert_allclose(by_hand.weights[step][0], weights, rtol=1e-4, atol=1e-6)
        expected.append(np.linalg.norm(moved) / np.linalg.norm(weights))
        weights = weights - moved
    np.testing.assert_allclose(test.result.update_ratios[0], expected, rtol=1e-3)
    print("update ratios are right")
    np.testing.assert_allclose(by_hand.weights[10][0], first, rtol=1e-6)  # the second sweep begins anew
    print("sweeps are right")


check_no_trace()
check_numbers()
