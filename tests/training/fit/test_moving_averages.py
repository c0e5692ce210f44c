"""What `use_ema` measures and hands on: averaged weights with the statistics that belong to them."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from undiagnosed import UNDIAGNOSED

import kerasnets
from kerasnets.losses import example_loss
from kerasnets.optimizers import make_optimizer
from kerasnets.recipe import load_recipe
from kerasnets.runs.directory import RunDirectory
from kerasnets.training.distribution.strategy import make_strategy
from kerasnets.training.fit.loop import run_epochs
from kerasnets.training.fit.objective import Objective
from kerasnets.training.fit.options import StepOptions
from kerasnets.training.fit.trainer import Trainer

STEPS, SKIPPED = 6, 3


def _trainer(devices, accumulation):
    """Return the trainer of a frozen and a trained batch normalization, dropout and a dense layer."""
    with make_strategy("mirrored" if devices > 1 else "single", devices).scope():
        x = images = keras.Input((4, 4, 3))
        x = keras.layers.BatchNormalization(name="frozen", trainable=False)(x)
        x = keras.layers.Conv2D(5, 3, name="conv")(x)
        x = keras.layers.BatchNormalization(momentum=0.5, name="norm")(x)
        x = keras.layers.Dropout(0.5, name="dropout")(keras.layers.Flatten()(x))
        network = keras.Model(images, keras.layers.Dense(2, name="fc")(x))
        optimizer = make_optimizer("sgd", learning_rate=0.1, momentum=0.9, use_ema=True, ema_momentum=0.3)
        objective = Objective(example_loss("categorical_crossentropy"))
        return Trainer(network, optimizer, objective, options=StepOptions(accumulation=accumulation))


def _values(model):
    names = [v.path for v in model.variables if "seed" not in v.path]
    return {v.path: np.array(v.numpy(), "float64") for v in model.variables if v.path in names}


@pytest.mark.parametrize(("devices", "accumulation"), [(1, 1), (1, 2), (2, 2)])
def test_weights_and_statistics_are_averaged_step_by_step(devices, accumulation):
    """After step n, from 0, min(0.3, (1 + n) / (10 + n)) of an average stays; not after a skipped step."""
    numbers = np.random.default_rng(0)
    x = numbers.normal(1.0, 2.0, size=(STEPS, 8, 4, 4, 3)).astype("float32")
    x[SKIPPED] = np.nan
    y = np.eye(2, dtype="float32")[numbers.integers(2, size=(STEPS, 8))]
    trainer, after = _trainer(devices, accumulation), []
    keep = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: after.append(_values(trainer.model))
    )
    data = tf.data.Dataset.from_tensor_slices((x, y))
    run_epochs(trainer, data, steps_per_epoch=STEPS, callbacks=[keep], steps_per_execution=1)
    raw, right = _values(trainer.model), after[0]
    moved = {name for name in raw if not np.array_equal(after[0][name], raw[name])}
    assert {name for name in raw if name.startswith("norm/")} < moved
    for number, values in enumerate(after[1:SKIPPED] + after[SKIPPED + 1 :], start=1):
        kept = min(0.3, (1 + number) / (10 + number))
        right = {name: kept * right[name] + (1 - kept) * values[name] for name in raw}
    with trainer.averaged():
        found = _values(trainer.model)
    for name in raw:
        np.testing.assert_allclose(found[name], right[name], rtol=1e-5, atol=1e-6, err_msg=name)
        np.testing.assert_array_equal(_values(trainer.model)[name], raw[name])


@pytest.mark.exhaustive
def test_a_residual_network_is_handed_on_with_statistics_that_fit(tmp_path):
    recipe = load_recipe(
        "lenet5-digits",
        ["model.name=resnet_cifar", "model.options.depth=8", 'preprocess=[{op="standardize"}]', "augment=[]",
         "optimizer.use_ema=true", "schedule.name=constant", "train.keep=best", "train.epochs=4",
         *UNDIAGNOSED],
    )  # fmt: skip
    run = RunDirectory(kerasnets.train(recipe, tmp_path / "run"))
    result = run.result
    assert result.test.accuracy > 0.9
    assert result.validation.accuracy == run.history()["val_accuracy"].max()
    assert kerasnets.evaluate(run.path).accuracy == pytest.approx(result.test.accuracy)
