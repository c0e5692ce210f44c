"""What callbacks measure of optimizer steps: on every backend, with replicas, training unchanged."""

import importlib.util
import os
import subprocess
import sys

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from places import PROGRAMS
from sweep import sweep

from kerasnets import models
from kerasnets.callbacks import ActivationStats, DiagnosticsLog, GradientStats, UpdateRatio, WeightStats
from kerasnets.catalog.quantities import BIN_EDGES, NETWORK, QUANTILES
from kerasnets.training.fit.loop import run_epochs
from kerasnets.training.fit.objective import Objective
from kerasnets.training.fit.options import StepOptions
from kerasnets.training.fit.trainer import Trainer

CLASSES = 3


@pytest.mark.parametrize("backend", sweep(["tensorflow", "jax", "torch"], quick=[]))
def test_all_quantities_are_numpys_on_every_backend(backend):
    """Precisions, steps an execution, accumulation, XLA; branches, residual, nested, BatchNorm, dropout."""
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed (extra: backends)")
    done = subprocess.run(
        [sys.executable, PROGRAMS / "measured_steps.py"],
        env=os.environ | {"KERAS_BACKEND": backend}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.count("right") >= 3


def _data(shape, count=64):
    numbers = np.random.default_rng(0)
    x = numbers.normal(size=(count, *shape)).astype("float32")
    return x, np.eye(CLASSES, dtype="float32")[numbers.integers(CLASSES, size=count)]


def _small():
    images = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(4, 3, activation="relu", name="conv")(images)
    x = keras.layers.BatchNormalization(name="norm")(x)
    return keras.Model(images, keras.layers.Dense(CLASSES, name="dense")(keras.layers.Flatten()(x)))


def _lenet():
    return models.build("lenet5", (32, 32, 1), CLASSES)


def _resnet():
    return models.build("resnet20", (16, 16, 3), CLASSES)


def _mirrored():
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"], tf.distribute.ReductionToOneDevice())


class _Run:
    """Steps of our own trainer, that can go on."""

    def __init__(self, build, *, replicas=1, accumulation=1, l2=1e-2, clipnorm=None):
        strategy = _mirrored() if replicas > 1 else tf.distribute.get_strategy()
        with strategy.scope():
            keras.utils.set_random_seed(1)
            model = build()
            objective = Objective(
                lambda labels, logits: tf.nn.softmax_cross_entropy_with_logits(labels, logits),
                l2=l2, decayed=model.trainable_variables,
            )  # fmt: skip
            optimizer = keras.optimizers.SGD(0.1, momentum=0.9, clipnorm=clipnorm)
            self.trainer = Trainer(
                model, optimizer, objective, options=StepOptions(accumulation=accumulation)
            )
        self.log = DiagnosticsLog("unused.csv")
        self.log.save = lambda: None

    def train(self, make=(), *, every=3, epochs=2, first=(0, 0), execution=4):
        x, y = _data(self.trainer.model.input_shape[1:])
        batches = tf.data.Dataset.from_tensor_slices((x, y)).batch(16).repeat().skip(4 * first[0] + first[1])
        run_epochs(
            self.trainer, batches, steps_per_epoch=4, epochs=epochs, steps_per_execution=execution,
            initial_epoch=first[0], initial_step=first[1], callbacks=[kind(self.log, every) for kind in make],
        )  # fmt: skip
        return self.trainer.model.get_weights()


ALL = (UpdateRatio, GradientStats, WeightStats)


@pytest.mark.parametrize(
    ("build", "replicas", "accumulation"),
    sweep(
        [(_small, 1, 1), (_small, 2, 1), (_small, 1, 2), (_small, 2, 2), (_lenet, 1, 1), (_resnet, 1, 1)],
        quick=[(_small, 2, 1)],
    ),
)
def test_final_weights_and_rows_do_not_depend_on_measuring_or_on_executions(build, replicas, accumulation):
    options = {"replicas": replicas, "accumulation": accumulation}
    plain = _Run(build, **options).train()
    single, several = _Run(build, **options), _Run(build, **options)
    for weights in (single.train(ALL, execution=1), several.train(ALL, execution=4)):
        for one, other in zip(plain, weights, strict=True):
            np.testing.assert_array_equal(one, other)
    pd.testing.assert_frame_equal(single.log.frame(), several.log.frame())
    assert sorted(set(single.log.frame().step)) == [1, 4, 7]


@pytest.mark.exhaustive
def test_steps_measured_do_not_depend_on_where_training_stopped():
    whole, parted = _Run(_small), _Run(_small)
    right = whole.train(ALL, epochs=3)
    parted.train(ALL, epochs=1)
    parted.train(ALL, epochs=3, first=(1, 0))
    for one, other in zip(right, parted.trainer.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    pd.testing.assert_frame_equal(whole.log.frame(), parted.log.frame())


@pytest.mark.parametrize("replicas", [1, 2])
def test_gradients_are_those_of_the_loss_without_penalty_and_clipping(replicas):
    def build():
        images = keras.Input((8, 8, 3))
        return keras.Model(images, keras.layers.Dense(CLASSES, name="dense")(keras.layers.Flatten()(images)))

    run = _Run(build, replicas=replicas, clipnorm=1e-3)
    kernel, bias = run.trainer.model.get_weights()
    run.train([GradientStats], epochs=1, execution=1)
    x, y = _data((8, 8, 3))
    x, y = x[:16].reshape(16, -1), y[:16]
    logits = x @ kernel + bias
    error = (np.exp(logits) / np.exp(logits).sum(1, keepdims=True) - y) / 16
    gradient = np.concatenate([(x.T @ error).ravel(), error.sum(0)])
    rows = run.log.frame().query("step == 1").set_index(["layer", "quantity"]).value
    assert rows["dense", "gradient_norm"] == pytest.approx(np.linalg.norm(gradient), rel=1e-4)
    assert rows[NETWORK, "gradient_norm"] == pytest.approx(np.linalg.norm(gradient), rel=1e-4)
    assert rows["dense", "gradient_variance"] == pytest.approx(gradient.var(), rel=1e-4)
    quantiles = [rows["dense", f"gradient_q{round(100 * q):02}"] for q in QUANTILES]
    np.testing.assert_allclose(quantiles, np.quantile(gradient, QUANTILES), rtol=1e-4, atol=1e-7)


@pytest.mark.exhaustive
@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_keras_under_two_replicas_measures_the_sum_over_both(policy):
    strategy = _mirrored()
    x, y = _data((8, 8, 3), 32)
    norms = []
    keras.config.set_dtype_policy(policy)
    try:
        for scope in (strategy, tf.distribute.get_strategy()):
            with scope.scope():
                keras.utils.set_random_seed(1)
                images = keras.Input((8, 8, 3))
                outputs = keras.layers.Dense(CLASSES, dtype="float32")(keras.layers.Flatten()(images))
                model = keras.Model(images, outputs)
                model.compile(keras.optimizers.SGD(0.1), "mse", jit_compile=False)
            log = DiagnosticsLog("unused.csv")
            log.save = lambda: None
            watching = [GradientStats(log, 1), UpdateRatio(log, 1)]
            model.fit(x, y, batch_size=16, shuffle=False, verbose=0, callbacks=watching)
            norms.append(log.frame()[log.frame().layer == NETWORK].set_index(["step", "quantity"]).value)
    finally:
        keras.config.set_dtype_policy("float32")
    assert len(norms[0]) == 4
    pd.testing.assert_series_equal(*norms, rtol=1e-3)


def test_a_layer_without_gradient_and_a_name_without_layer_are_named(caplog, tmp_path):
    class Partly(keras.Model):
        def __init__(self):
            super().__init__()
            self.used, self.idle = keras.layers.Dense(2, name="used"), keras.layers.Dense(2, name="idle")

        def call(self, inputs):
            self.idle(inputs)
            return self.used(inputs)

    x = np.ones((8, 3), "float32")
    model = Partly()
    model.compile("sgd", "mse", jit_compile=False)
    log = DiagnosticsLog(tmp_path / "d.csv")
    with pytest.warns(UserWarning, match="Gradients do not exist"):
        model.fit(
            x, x[:, :2], batch_size=4, verbose=0, callbacks=[GradientStats(log, 1), UpdateRatio(log, 1)]
        )
    said = [record.message for record in caplog.records if record.name == "kerasnets"]
    assert said == ["GradientStats: idle is left out: it gets no gradient"]
    of_gradients = log.frame()[log.frame().quantity.str.startswith("gradient")]
    assert set(of_gradients.layer) == {"used", NETWORK}
    with pytest.raises(ValueError, match="layers: found 'conv\\*'"):
        model.fit(x, x[:, :2], verbose=0, callbacks=[UpdateRatio(log, layers="conv*")])


def test_chosen_layers_alone_are_measured_and_a_saved_optimizer_is_complete(tmp_path):
    model = _small()
    model.compile(keras.optimizers.Adam(), "mse")
    x, y = _data((8, 8, 3))
    log = DiagnosticsLog(tmp_path / "d.csv")
    saving = keras.callbacks.ModelCheckpoint(tmp_path / "model.keras")
    watching = [WeightStats(log, 1, layers="conv"), ActivationStats(log, x[:4], 2, layers=["d*", "conv"])]
    model.fit(x, y, verbose=0, callbacks=[*watching, saving])
    layers = log.frame().groupby("quantity").layer.unique().map(list)
    assert layers["weight_norm"] == ["conv"]
    assert sorted(layers["activation_mean"]) == ["conv", "dense"]
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for one, other in zip(model.optimizer.variables, loaded.optimizer.variables, strict=True):
        np.testing.assert_array_equal(one, other)


def test_outputs_of_every_kind_of_unit(tmp_path):
    """Dead and saturated units, quantiles and histogram of outputs, over parts of the probe."""
    x = np.random.default_rng(0).normal(size=(10, 4, 4, 2)).astype("float32")
    images = keras.Input((4, 4, 2))
    conv = keras.layers.Conv2D(3, 1, activation="relu", name="conv")
    flat = keras.layers.Flatten()(conv(images))
    model = keras.Model(images, keras.layers.Dense(6, activation="tanh", name="tanh")(flat))
    kernel, _ = conv.get_weights()
    conv.set_weights([kernel, np.array([0, -100, 0], "float32")])
    model.compile("sgd", "mse")
    log = DiagnosticsLog(tmp_path / "d.csv")
    measuring = ActivationStats(log, x, 100)
    measuring.set_model(model)
    measuring.on_train_begin()
    rows = log.frame().set_index(["layer", "quantity"]).value
    right = keras.Model(images, [layer.output for layer in model.layers[1:]])(x)
    assert rows["conv", "activation_dead"] == pytest.approx(1 / 3)
    assert rows["tanh", "activation_dead"] == 0
    assert ("conv", "activation_saturated") not in rows.index
    for name, tensor in (("conv", right[0]), ("tanh", right[-1])):
        values = tensor.numpy().astype("float64").ravel()
        quantiles = [rows[name, f"activation_q{round(100 * q):02}"] for q in QUANTILES]
        np.testing.assert_allclose(quantiles, np.quantile(values, QUANTILES), rtol=1e-5, atol=1e-7)
        found = log.histograms().query("layer == @name").iloc[0, 4:].to_numpy(int)
        np.testing.assert_array_equal(found, np.histogram(values, [-np.inf, *BIN_EDGES, np.inf])[0])
    saturated = np.mean(np.abs(right[-1].numpy()) >= 0.99)
    assert rows["tanh", "activation_saturated"] == pytest.approx(saturated)
