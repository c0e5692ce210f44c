"""Training in phases: trained layers, rates, features computed once, and one run to the bit."""

import keras
import numpy as np
import pytest
import small_runs
from sweep import sweep

import kerasnets
from kerasnets.errors import UserError
from kerasnets.models import build
from kerasnets.recipe import changed, load_recipe
from kerasnets.runs.directory import RunDirectory
from kerasnets.schedules import make_schedule
from kerasnets.training.callbacks.progress import Progress
from kerasnets.training.callbacks.run_callbacks import RunCallbacks
from kerasnets.training.callbacks.scheduled_rate import ScheduledRate
from kerasnets.training.checkpoints.file import read_checkpoint
from kerasnets.training.fit.frozen_part import frozen_part
from kerasnets.weights.freezing import train_only

HEAD = {"epochs": 1, "trainable": ["fc*"], "learning_rate": 0.05, "augment": False}
UPPER = {"epochs": 2, "trainable": ["conv2*", "fc*"], "learning_rate": 0.01}
TINY = {
    "model.name": "small", "train.batch_size": 128, "augment.0.padding": 1, "schedule.name": "cosine",
    "preprocess": [{"op": "standardize"}], "diagnostics.update_ratio_every": 5,
    "diagnostics.activation_stats_every": 0, "diagnostics.gradient_stats_every": 0,
    "diagnostics.weight_stats_every": 0, "diagnostics.steps_every": 1,
}  # fmt: skip


def _recipe(*phases, **more):
    named = {key.replace("__", "."): value for key, value in more.items()}
    epochs = sum(phase["epochs"] for phase in phases)
    return load_recipe("lenet5-digits", TINY | {"train.phases": list(phases), "train.epochs": epochs} | named)


@pytest.fixture(scope="module", autouse=True)
def _small():
    with small_runs.registered():
        yield


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run of two phases that was never stopped. Read only."""
    return RunDirectory(kerasnets.train(_recipe(HEAD, UPPER), tmp_path_factory.mktemp("phases") / "whole"))


def _weights(run, epoch=None):
    position = (epoch, 0) if epoch else run.checkpointed()[-1]
    arrays, _ = read_checkpoint(run.checkpoint(*position))
    return {name: array for name, array in arrays.items() if name.startswith("model/")}


def _moved(before, after):
    layers = {name.split("/")[1] for name in before if not np.array_equal(before[name], after[name])}
    return {layer for layer in layers if layer}


def test_each_phase_moves_its_layers_alone_at_its_rate(whole):
    steps, rates = whole.steps(), whole.steps().learning_rate.to_numpy()
    each = len(rates) // 3
    expected = [
        *(0.05 * (1 + np.cos(np.pi * np.arange(each) / each)) / 2),
        *(0.01 * (1 + np.cos(np.pi * np.arange(2 * each) / (2 * each))) / 2),
    ]
    np.testing.assert_allclose(rates, expected, rtol=1e-5)
    assert steps.step.tolist() == list(range(1, 3 * each + 1))
    assert whole.history().epoch.tolist() == [1, 2, 3]
    measured = whole.diagnostics()
    measured = measured[measured.quantity == "update_ratio"]
    first, second = measured[measured.step <= each], measured[measured.step > each]
    assert {"fc3", "fc4"} == {layer for layer in first.layer if layer.startswith(("fc", "conv"))}
    assert {"conv2", "fc3", "fc4"} <= set(second.layer)
    assert "conv1" not in set(second.layer)


STOPS = {"in the first phase": (0, 4), "between them": (0, None), "in the second phase": (1, 3)}
"""Epoch, from 0, and step after which a run is stopped; None for the epoch's end."""


@pytest.mark.parametrize("stop", sweep(STOPS, quick=["in the second phase"]))
def test_a_run_stopped_in_any_phase_goes_on_to_the_same_bits(whole, stop, tmp_path, monkeypatch):
    epoch, step = STOPS[stop]
    recipe = _recipe(HEAD, UPPER, train__steps_per_execution=1, train__checkpoint_seconds=0.0001)

    def on_train_batch_end(self, batch, logs=None):
        if self._epoch == epoch and step is not None and batch >= step:
            raise KeyboardInterrupt

    def on_epoch_end(self, done, logs=None):
        if done == epoch and step is None:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("kerasnets.training.checkpoints.saver.SHARE", 1.0)
        patch.setattr(Progress, "on_train_batch_end", on_train_batch_end)
        patch.setattr(Progress, "on_epoch_end", on_epoch_end)
        with pytest.raises(KeyboardInterrupt):
            kerasnets.train(recipe, tmp_path / "run")
    stopped = RunDirectory(tmp_path / "run")
    assert stopped.epochs_done() == (epoch if step else epoch + 1)
    kerasnets.train(recipe, tmp_path / "run", resume=True)
    assert small_runs.fingerprints(stopped) == small_runs.fingerprints(whole)


def test_features_computed_once_train_what_images_do(tmp_path, capfd):
    """Against a run without phases, whose lower layers are frozen and whose images are not augmented."""
    recipe = _recipe(HEAD | {"trainable": ["fc3", "fc4"]}, regularization__l2=1e-3)
    once = RunDirectory(kerasnets.train(recipe, tmp_path / "once"))
    assert "computed once: the outputs of flatten for 1,447 images" in capfd.readouterr().out
    plain = {
        "model.freeze": "flatten", "augment": [], "train.epochs": 1, "optimizer.learning_rate": 0.05,
        "regularization.l2": 1e-3,
    }  # fmt: skip
    images = RunDirectory(kerasnets.train(load_recipe("lenet5-digits", TINY | plain), tmp_path / "images"))
    found, expected = _weights(once), _weights(images)
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_allclose(found[name], array, rtol=2e-4, atol=2e-6, err_msg=name)
    np.testing.assert_allclose(once.history(), images.history(), rtol=1e-4)
    np.testing.assert_allclose(
        once.steps().drop(columns="seconds"), images.steps().drop(columns="seconds"), rtol=1e-3
    )
    for split, measured in images.result.splits.items():
        assert once.result.splits[split].accuracy == measured.accuracy


@pytest.mark.exhaustive
def test_where_features_may_not_be_kept_images_train_the_same(tmp_path, capfd):
    recipe = _recipe(HEAD)
    once = RunDirectory(kerasnets.train(recipe, tmp_path / "once"))
    each = RunDirectory(kerasnets.train(changed(recipe, {"data.cache": "none"}), tmp_path / "each"))
    assert (
        "computed in each step, and not once: the outputs of flatten for 1,447 images"
        in capfd.readouterr().out
    )
    found, expected = _weights(once), _weights(each)
    for name, array in expected.items():
        np.testing.assert_allclose(found[name], array, rtol=2e-4, atol=2e-6, err_msg=name)


@pytest.mark.exhaustive
def test_two_replicas_train_what_one_does(tmp_path):
    options = {"model__options": {"dropout": 0.0}}
    runs = [
        RunDirectory(
            kerasnets.train(_recipe(HEAD, UPPER | {"epochs": 1}, **options, **devices), tmp_path / name)
        )
        for name, devices in (
            ("one", {}),
            ("two", {"train__strategy": "mirrored", "train__devices": 2}),
        )
    ]
    one, two = (_weights(run, 1) for run in runs)
    for name, array in one.items():
        np.testing.assert_allclose(two[name], array, rtol=1e-3, atol=1e-5, err_msg=name)


@pytest.mark.exhaustive
def test_the_best_epoch_may_be_of_an_earlier_phase(tmp_path):
    ruinous = UPPER | {"epochs": 1, "learning_rate": 20.0}
    recipe = _recipe(
        HEAD, ruinous, train__keep="best", optimizer__use_ema=True, optimizer__global_clipnorm=1.0
    )
    run = RunDirectory(kerasnets.train(recipe, tmp_path / "run"))
    history = run.history()
    assert history.val_accuracy[1] < history.val_accuracy[0]
    assert run.result.validation.accuracy == pytest.approx(history.val_accuracy[0])


def test_a_warm_up_by_accuracy_counts_from_the_phase_on():
    table = {"name": "constant", "warmup_error": 0.2, "warmup_factor": 0.1}
    first, second = (make_schedule(table, rate, steps_per_epoch=30, epochs=3) for rate in (1.0, 0.5))
    rate = ScheduledRate(first, 30)
    rate.begin_phase(second, first_epoch=3)  # after 90 steps; accuracies are asked for every 50
    assert (rate.rate(90), rate.next_boundary(90), rate.next_boundary(140)) == (0.05, 140, 190)
    rate.on_epoch_begin(4)
    rate.on_train_batch_end(18, {"accuracy": 0.9})  # 139 steps: not asked for
    assert rate.rate(139) == 0.05
    rate.on_train_batch_end(19, {"accuracy": 0.9})
    assert (rate.rate(139), rate.rate(140)) == (0.05, 0.5)


class _BreaksOnce(keras.callbacks.Callback):
    """Sets a weight to infinity after the first step of the second epoch, the first time it comes."""

    broken = False

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.epoch == 1 and not self.broken:
            self.broken = True
            self.model.get_layer("fc4").bias.assign(np.full(10, np.inf))


@pytest.mark.exhaustive
def test_a_phase_that_diverges_begins_again_at_a_tenth_of_its_rate(tmp_path, caplog, monkeypatch):
    begin, entered = RunCallbacks.begin_phase, []

    def begin_phase(self, phase):
        entered.append(phase.number)
        begin(self, phase)

    monkeypatch.setattr(RunCallbacks, "begin_phase", begin_phase)
    recipe = _recipe(HEAD, UPPER | {"epochs": 1}, train__max_bad_steps=2, schedule__name="constant")
    run = RunDirectory(kerasnets.train(recipe, tmp_path / "run", callbacks=[_BreaksOnce()]))
    assert entered == [1, 0, 1]
    assert sum("going back" in message for message in caplog.messages) == 1
    rates = run.steps().groupby("epoch").learning_rate.unique()
    np.testing.assert_allclose([rates[0], rates[1]], [[0.05], [0.001]], rtol=1e-6)
    measured = run.diagnostics()
    assert "conv2" in set(measured[measured.step > 10].layer)


@pytest.mark.parametrize(
    ("phase", "said"),
    [
        (
            {"trainable": ["fcc"]},
            "train.phases.0.trainable: found no layer 'fcc', allowed: names or patterns of ",
        ),
        (
            {"trainable": ["flatten"]},
            "train.phases.0.trainable: found flatten, allowed: layers with something ",
        ),
    ],
)
def test_layers_that_cannot_be_trained_are_refused(phase, said, tmp_path):
    with pytest.raises(UserError) as refusal:
        kerasnets.train(_recipe(HEAD | phase), tmp_path / "run")
    assert said in str(refusal.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("name", "size", "trained", "layer"),
    [
        ("resnet20", 8, ["fc"], "average_pool"),
        (
            "resnet20",
            8,
            ["stage3_block3_conv2*", "fc"],
            "stage3_block2_relu",
        ),  # below the block: two paths lead to its sum
        ("googlenet", 32, ["inception5b*", "fc"], "inception5a"),
        ("vgg11", 32, ["fc8"], "fc6"),  # dropout lies between
        ("lenet5", 32, ["output"], "f6"),
    ],
)
def test_networks_are_divided_below_what_is_trained_or_random(name, size, trained, layer):
    network = build(name, (size, size, 1 if name == "lenet5" else 3), 10)
    train_only(network, trained)
    part = frozen_part(network)
    images = np.random.default_rng(0).standard_normal((2, *network.input_shape[1:]), "float32")
    np.testing.assert_allclose(part.above(part.below(images)), network(images), rtol=1e-5, atol=1e-6)
    assert not part.below.trainable_weights
    assert {id(v) for v in part.above.trainable_weights} == {id(v) for v in network.trainable_weights}
    assert part.layer == layer


def test_a_network_without_frozen_weights_is_not_divided():
    network = build("vgg11", (32, 32, 3), 10)
    assert frozen_part(network) is None
