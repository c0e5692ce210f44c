"""One, two or four replicas, or two hosts, on the same global batches: one training."""

import functools
import os
import signal
import socket
import time

import keras
import numpy as np
import pytest
import small_runs
import tensorflow as tf
from forked import start_command
from sweep import sweep

import kerasnets
from kerasnets.errors import UserError
from kerasnets.optimizers import make_optimizer
from kerasnets.runs.directory import RunDirectory
from kerasnets.training.checkpoints.file import read_checkpoint
from kerasnets.training.distribution.strategy import make_strategy
from kerasnets.training.fit.loop import run_epochs
from kerasnets.training.fit.objective import Objective
from kerasnets.training.fit.options import StepOptions
from kerasnets.training.fit.trainer import Trainer

ALL = (
    "model.options.dropout=0.0", "train.synchronized_batch_norm=true", "train.accumulation=2",
    "data.streams=2", "optimizer.learning_rate=0.01", "optimizer.global_clipnorm=0.1",
    "regularization.l2=0.01",
)  # fmt: skip
LENGTHS = {1: ("train.batch_size=1280", "train.epochs=1"), 100: ("train.batch_size=64", "train.epochs=5")}
"""Optimizer steps, and what makes a run of so many: 1,302 images are one batch of 1,280 or twenty of 64."""
TOLERANCE = {1: 1e-6, 100: 1e-4}


def _run(folder, steps, devices, *more):
    strategy = "mirrored" if devices > 1 else "single"
    recipe = small_runs.recipe(
        "dropout", *ALL, *LENGTHS[steps], f"train.strategy={strategy}", f"train.devices={devices}", *more
    )
    return RunDirectory(kerasnets.train(recipe, folder / f"{steps}-{devices}-{len(more)}"))


@pytest.fixture(scope="module", autouse=True)
def _small():
    with small_runs.registered():
        yield


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """Return the run on one device of so many steps."""
    return functools.cache(lambda steps: _run(tmp_path_factory.mktemp("alone"), steps, 1))


def _check(steps, run, alone):
    """Check that a run's numbers are those of the run on one device.

    Weights are taken together: biases and shifts start at zero, so that after one step they are as good as
    their gradients, of which float32 sums leave six digits.
    """
    assert run.checkpointed()[-1] == alone.checkpointed()[-1]
    arrays, expected = (read_checkpoint(one.checkpoint(*one.checkpointed()[-1]))[0] for one in (run, alone))
    assert arrays.keys() == expected.keys()
    assert arrays["optimizer/sgd/iteration"] == steps
    statistics = [name for name in expected if "/moving_" in name]
    weights = [name for name in expected if name.startswith("model/") and name not in statistics]
    averages = [name for name in expected if name.endswith("_average") and name.startswith("optimizer/")]
    assert (len(statistics), len(weights), len(averages)) == (4, 10, 14)
    for group in (statistics, weights, averages):
        right = np.concatenate([expected[name].ravel() for name in group])
        found = np.concatenate([arrays[name].ravel() for name in group])
        assert np.linalg.norm(found - right) <= TOLERANCE[steps] * np.linalg.norm(right)
    history, right = run.history(), alone.history()
    assert history.columns.tolist() == right.columns.tolist()
    np.testing.assert_allclose(history, right, rtol=TOLERANCE[steps])
    for split in ("validation", "test"):  # 350 test images: a batch of 256, and one of 94
        for name, value in alone.result.splits[split].to_dict().items():
            assert getattr(run.result.splits[split], name) == pytest.approx(value, rel=TOLERANCE[steps])


@pytest.mark.parametrize(("devices", "steps"), sweep([(2, 1), (2, 100), (4, 1), (4, 100)], quick=[(2, 1)]))
def test_replicas_train_as_one_device(alone, devices, steps, tmp_path):
    _check(steps, _run(tmp_path, steps, devices), alone(steps))


@pytest.mark.exhaustive
def test_xla_trains_the_same(tmp_path):
    alone = "train.synchronized_batch_norm=false"
    plain, compiled = (_run(tmp_path / xla, 100, 2, alone, f"train.xla={xla}") for xla in ("false", "true"))
    _check(100, compiled, plain)


def test_xla_cannot_synchronize():
    with pytest.raises(UserError, match="train: found xla and synchronized_batch_norm"):
        small_runs.recipe("dropout", *ALL, "train.xla=true")


@pytest.mark.exhaustive
@pytest.mark.parametrize("steps", LENGTHS)
def test_two_hosts_train_as_one(alone, steps, tmp_path):
    """Two processes that know of each other by TF_CONFIG alone; the first writes."""
    processes = _hosts(tmp_path, steps)
    _join(processes, 0, tmp_path)
    _check(steps, RunDirectory(tmp_path / "run"), alone(steps))


@pytest.mark.exhaustive
def test_hosts_stop_together_and_go_on(alone, tmp_path):
    """SIGTERM reaches one of them, as when its machine is taken away."""
    run, processes = RunDirectory(tmp_path / "run"), _hosts(tmp_path, 100)
    while "taken" not in (tmp_path / "1.txt").read_text():
        assert processes[1].is_alive()
        time.sleep(0.01)
    os.kill(processes[1].pid, signal.SIGTERM)
    _join(processes, 143, tmp_path)
    arrays, _ = read_checkpoint(run.checkpoint(*run.checkpointed()[-1]))
    assert 0 < arrays["optimizer/sgd/iteration"] < 100
    _join(_hosts(tmp_path, 100), 0, tmp_path)
    _check(100, run, alone(100))


def _hosts(folder, steps):
    """Return two started processes that train in `folder` together."""
    ports = _free_ports(2)
    arguments = small_runs.overrides("dropout", *ALL, *LENGTHS[steps], "train.strategy=multi_worker")
    return [
        start_command(
            "train", "lenet5-digits", "--run", folder / "run", "--resume", *arguments,
            said=folder / f"{index}.txt", before=functools.partial(small_runs.join, ports, index),
        )
        for index in range(2)
    ]  # fmt: skip


def _join(processes, code, folder):
    for index, process in enumerate(processes):
        process.join()
        assert process.exitcode == code, (folder / f"{index}.txt").read_text()


def _free_ports(count):
    sockets = [socket.create_server(("localhost", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


@pytest.mark.exhaustive
@pytest.mark.parametrize("devices", sweep([1, 2], quick=[1]))
def test_steps_an_execution_change_no_bit(devices, tmp_path):
    """With dropout, and what else a net has."""
    strategy = f"train.strategy={'mirrored' if devices > 1 else 'single'}"
    prints = []
    for pace in (1, 7):
        recipe = small_runs.recipe(
            "dropout",
            "train.epochs=1",
            strategy,
            f"train.devices={devices}",
            f"train.steps_per_execution={pace}",
        )
        prints.append(small_runs.fingerprints(kerasnets.train(recipe, tmp_path / f"pace-{pace}")))
    assert prints[0] == prints[1]


class _Scale(keras.layers.Layer):
    """Multiplies each of 64 inputs by a weight of its own, at first zero."""

    def build(self, shape):
        self.factors = self.add_weight(shape=(64,), initializer="zeros", name="factors")

    def call(self, x):
        return x * self.factors


def _masks(devices, steps, first=0, accumulation=1):
    """Return the masks of dropout (steps, examples, 64) of a batch of four examples, read from the gradients.

    Example k has 3^k everywhere, so that the sum of its mask and the others' shows each.
    """
    with make_strategy("mirrored" if devices > 1 else "single", devices).scope():
        images = keras.Input((64,))
        network = keras.Model(images, keras.layers.Dropout(0.5, name="dropout")(_Scale()(images)))
        optimizer = make_optimizer("sgd", learning_rate=1.0)
        objective = Objective(lambda labels, logits: tf.reduce_sum(logits, -1))
        options = StepOptions(accumulation=accumulation, seed=5)
        trainer = Trainer(network, optimizer, objective, options=options)
    found = []
    keep = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: found.append(network.trainable_variables[0].numpy())
    )
    batch = np.repeat(3.0 ** np.arange(4, dtype="float32")[:, None], 64, axis=1), np.ones((4, 64), "float32")
    data = tf.data.Dataset.from_tensors(batch).repeat(steps - first)
    run_epochs(
        trainer, data, steps_per_epoch=steps, initial_step=first, callbacks=[keep], steps_per_execution=1
    )
    # kept outputs are doubled, the loss is the mean of four examples
    sums = np.round(-np.diff(found, axis=0, prepend=np.zeros((1, 64))) * 4 / 2).astype(int)
    return np.stack([sums // 3**example % 3 for example in range(4)], axis=1)


@pytest.mark.parametrize(("devices", "accumulation"), [(1, 1), (2, 1), (4, 1), (2, 2)])
def test_masks_differ_by_step_replica_and_part_and_are_the_same_again(devices, accumulation):
    masks = _masks(devices, 6, accumulation=accumulation)
    assert set(np.unique(masks)) == {0, 1}
    assert 0.4 < masks.mean() < 0.6
    every = masks.reshape(-1, 64)
    assert len(np.unique(every, axis=0)) == len(every)
    np.testing.assert_array_equal(_masks(devices, 6, 2, accumulation), masks[2:])


def test_batch_statistics_of_replicas_are_averaged_and_the_same_on_all():
    """Not synchronized: each replica normalizes its share by itself. Against NumPy."""
    strategy = make_strategy("mirrored", 4)
    with strategy.scope():
        images = keras.Input((4, 4, 3))
        normal = keras.layers.BatchNormalization(momentum=0.75, name="normal")
        outputs = keras.layers.Dense(10)(keras.layers.Flatten()(normal(images)))
        network = keras.Model(images, outputs)
        optimizer = make_optimizer("sgd", learning_rate=0.1)
        loss = keras.losses.categorical_crossentropy
        objective = Objective(lambda labels, logits: loss(labels, logits, from_logits=True))
        trainer = Trainer(network, optimizer, objective)
    numbers = np.random.default_rng(0)
    x = numbers.normal(1.0, 2.0, size=(3, 16, 4, 4, 3)).astype("float32")
    y = np.eye(10, dtype="float32")[numbers.integers(10, size=(3, 16))]
    run_epochs(trainer, tf.data.Dataset.from_tensor_slices((x, y)), steps_per_epoch=3)
    mean, variance = np.zeros(3), np.ones(3)
    for batch in x.astype("float64"):
        shares = batch.reshape(4, 4 * 4 * 4, 3)
        mean = 0.75 * mean + 0.25 * shares.mean(1).mean(0)
        variance = 0.75 * variance + 0.25 * shares.var(1).mean(0)
    for variable, right in ((normal.moving_mean, mean), (normal.moving_variance, variance)):
        copies = strategy.experimental_local_results(variable.value)
        assert len(copies) == 4
        for copy in copies:
            np.testing.assert_array_equal(copy.numpy(), copies[0].numpy())
            np.testing.assert_allclose(copy.numpy(), right, rtol=1e-5)
