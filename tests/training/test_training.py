"""Training: one answer on any number of replicas, bit for bit the same twice, and a run that resumes."""

import hashlib
import json
import os
import shutil
import signal
import time

import keras
import numpy as np
import pytest
import tensorflow as tf
from forked import start_command
from sweep import sweep
from undiagnosed import UNDIAGNOSED

import kerasnets
from kerasnets.catalog.quantities import NETWORK
from kerasnets.data.pipeline.batches import training_batches
from kerasnets.data.pipeline.order import BatchPlan
from kerasnets.errors import UserError
from kerasnets.recipe import load_recipe
from kerasnets.runs.directory import RunDirectory
from kerasnets.training import run
from kerasnets.training.callbacks.progress import Progress
from kerasnets.training.checkpoints.file import write_checkpoint
from kerasnets.training.distribution.strategy import ahead_on_device, make_strategy
from kerasnets.training.fit.loop import run_epochs
from kerasnets.training.setup.inputs import list_inputs, prepare_inputs
from kerasnets.training.setup.model import make_trainer


def _fingerprint(run):
    """SHA-256 of the numbers a run is made of: weights, optimizer, history and diagnostics."""
    digest = hashlib.sha256()
    directory = RunDirectory(run)
    with np.load(directory.checkpoint(*directory.checkpointed()[-1])) as archive:
        for name in sorted(archive.files):
            digest.update(name.encode() + archive[name].tobytes())
    for file in (directory.history_file, directory.diagnostics_file):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def test_the_default_recipe_reaches_its_accuracy(default_run):
    result = RunDirectory(default_run).result
    assert result.test.accuracy >= 0.97
    assert result.test.images == 350
    assert result.parameters == 61706


def test_the_run_directory_holds_what_it_should(default_run):
    run = RunDirectory(default_run)
    assert run.recipe() == load_recipe("lenet5-digits")
    history = run.history()
    assert history.epoch.tolist() == list(range(1, 31))
    assert history.columns.tolist() == [
        "epoch", "accuracy", "loss", "skipped", "val_accuracy", "val_cross_entropy", "val_loss",
        "learning_rate",
    ]  # fmt: skip
    assert history.loss.iloc[-1] < history.loss.iloc[0] / 10
    diagnostics = run.diagnostics()
    assert set(diagnostics.layer) == {"c1", "c3", "c5", "f6", "output", NETWORK}
    ratios = diagnostics[diagnostics.quantity == "update_ratio"]
    assert ratios.step.unique().tolist() == list(range(1, 1200, 20))
    assert run.checkpointed() == [(29, 0), (30, 0)]
    assert run.best_checkpoint.is_file()
    assert not history.skipped.any()
    environment = json.loads(run.environment_file.read_text())
    assert environment["packages"]["keras"] == keras.__version__
    assert environment["settings"]["onednn"]
    assert not [path for path in default_run.path.rglob("*") if ".tmp" in path.name]


def test_same_recipe_and_seed_same_run_whatever_the_readers(quick_recipe, tmp_path):
    measured = ("train.epochs=1", "diagnostics.update_ratio_every=10")
    runs = {
        name: kerasnets.train(
            quick_recipe(*measured, f"data.workers={workers}", f"train.seed={seed}"), tmp_path / name
        )
        for name, workers, seed in (("two", 2, 0), ("five", 5, 0), ("other", 2, 1))
    }
    prints = {name: _fingerprint(run) for name, run in runs.items()}
    assert prints["two"] == prints["five"]
    assert prints["two"] != prints["other"]


@pytest.mark.parametrize("first", sweep([1, 2], quick=[1]))
def test_a_run_resumed_at_any_epoch_is_the_run_never_stopped(first, quick_recipe, tmp_path, monkeypatch):
    stops = range(first, 2 * first)
    recipe = quick_recipe(
        f"train.epochs={stops[-1] + 1}", "schedule.name=cosine", "optimizer.name=adam",
        "diagnostics.update_ratio_every=10",
    )  # fmt: skip
    whole = _fingerprint(kerasnets.train(recipe, tmp_path / "whole"))
    directory = RunDirectory(tmp_path / "stopped")
    for stop in stops:

        def at_epoch_end(self, epoch, logs=None, stop=stop):
            if epoch + 1 == stop:
                raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(Progress, "on_epoch_end", at_epoch_end)
            with pytest.raises(KeyboardInterrupt):
                kerasnets.train(recipe, directory.path, resume=True)
        assert directory.epochs_done() == stop
        assert not directory.finished
    kerasnets.train(recipe, directory.path, resume=True)
    assert _fingerprint(directory.path) == whole


def test_one_step_is_gradient_descent_on_the_loss_with_l2():
    """Against a step written down with nothing but TensorFlow's gradients."""
    overrides = ("optimizer.momentum=0.0", "optimizer.learning_rate=0.1", "regularization.l2=0.5")
    recipe = load_recipe("lenet5-digits", ["train.batch_size=64", "augment=[]", *overrides])
    inputs = prepare_inputs(list_inputs(recipe))
    trainer, network = make_trainer(inputs, make_strategy("single"))
    batches = training_batches(
        inputs.dataset.train, inputs.preprocessing, [], plan=BatchPlan(64, seed=0, epochs=1), classes=10
    ).take(1)
    ((images, labels),) = batches
    start = [tf.constant(weight.numpy()) for weight in network.trainable_weights]
    with tf.GradientTape() as tape:
        logits = network(images)
        loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(labels, logits))
    gradients = tape.gradient(loss, network.trainable_weights)
    history = run_epochs(trainer, batches, steps_per_epoch=1).history
    penalty = 0.0
    for weight, before, gradient in zip(network.trainable_weights, start, gradients, strict=True):
        decay = 0.0 if weight.name == "bias" else 0.5
        penalty += decay / 2 * float(tf.reduce_sum(before**2))
        np.testing.assert_allclose(weight, before - 0.1 * (gradient + decay * before), rtol=1e-4, atol=1e-7)
    assert history["loss"] == [pytest.approx(float(loss) + penalty, rel=1e-5)]


@pytest.mark.exhaustive
def test_a_fresh_process_trains_on_two_logical_devices(tmp_path):
    """As a user's command would: in this process the test session has made the devices already."""
    overrides = ("train.strategy=mirrored", "train.devices=2", "train.epochs=1")
    arguments = [part for override in overrides for part in ("--set", override)]
    said = tmp_path / "said.txt"
    process = start_command("train", "lenet5-digits", "--run", tmp_path / "two", *arguments, said=said)
    process.join()
    assert process.exitcode == 0, said.read_text()
    environment = json.loads(RunDirectory(tmp_path / "two").environment_file.read_text())
    assert environment["replicas"] == 2
    assert environment["strategy"] == "MirroredStrategy"


def test_more_devices_than_there_are_is_refused():
    with pytest.raises(UserError, match=r"train\.devices: found 9, allowed: up to 4"):
        make_strategy("mirrored", 9)


def _contents(run):
    """Return the files of a run; the lock names whoever looked last."""
    return {path: path.read_bytes() for path in run.rglob("*") if path.is_file() and path.name != "lock"}


def test_a_directory_that_holds_a_run_is_refused_or_left_alone(run_copy, refused, command):
    before = _contents(run_copy)
    assert "already holds a finished run" in refused("train", "lenet5-digits", "--run", run_copy)
    said = refused("train", "lenet5-digits", "--run", run_copy, "--resume", "--set", "train.epochs=31")
    assert "holds a run with train.epochs = 30, found 31" in said
    code, output, _ = command("train", "lenet5-digits", "--run", run_copy, "--resume")
    assert code == 0
    assert "test accuracy 0.9" in output
    assert before == _contents(run_copy)


def test_a_folder_of_other_files_or_a_file_is_refused(tmp_path, refused):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    assert "a folder with other files" in refused("train", "lenet5-digits", "--run", tmp_path / "full")
    said = refused("train", "lenet5-digits", "--run", tmp_path / "full" / "thesis.txt")
    assert "found a file" in said
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["thesis.txt"]
    (tmp_path / "full" / "lock").write_text("another program's")
    assert "a folder with other files" in refused("train", "lenet5-digits", "--run", tmp_path / "full")
    assert (tmp_path / "full" / "lock").read_text() == "another program's"


def test_a_run_stopped_before_its_recipe_was_written_begins_anew(default_run, quick_recipe, tmp_path):
    """What it has left, whole or half-written, is no other's; but these names with more beside them are."""
    run = tmp_path / "run"
    (run / "checkpoints").mkdir(parents=True)
    shutil.copy(default_run.path / "environment.json", run)
    (run / ".dataset.99999999.tmp.json").write_text("{")
    (run / "thesis.txt").write_text("mine")
    with pytest.raises(UserError, match="a folder with other files"):
        kerasnets.train(quick_recipe(), run, resume=True)
    (run / "thesis.txt").unlink()
    (run / "checkpoints" / "theirs.ckpt").write_text("mine")
    with pytest.raises(UserError, match="a folder with other files"):
        kerasnets.train(quick_recipe(), run, resume=True)
    (run / "checkpoints" / "theirs.ckpt").unlink()
    kerasnets.train(quick_recipe(), run, resume=True)
    assert RunDirectory(run).finished
    assert not list(run.rglob(".*.tmp*"))


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["model.name=lenet55"], "model.name: unknown model 'lenet55'"),
        (["model.options.poolling=max"], "model.options: lenet5 has no option 'poolling'"),
        (["train.batch_size=2000"], "train.batch_size: found 2000, allowed: up to 1302"),
        (["preprocess=[]"], "model: lenet5 cannot be built"),
        (["data.source=npz", "data.path=/nowhere.npz"], "/nowhere.npz: no such file"),
        (["data.source=folder", "data.path=/nowhere"], "/nowhere: no such folder"),
    ],
)
def test_what_cannot_be_trained_leaves_nothing_behind(tmp_path, refused, overrides, said):
    arguments = [part for override in overrides for part in ("--set", override)]
    assert said in refused("train", "lenet5-digits", "--run", tmp_path / "run", *arguments)
    assert not (tmp_path / "run").exists()


def test_damaged_or_foreign_checkpoints_are_refused(run_copy, caplog):
    directory = RunDirectory(run_copy)
    directory.result_file.unlink()
    recipe, newest = directory.recipe(), directory.checkpoint(30)
    whole = newest.read_bytes()
    newest.write_bytes(whole[: len(whole) // 2])
    before = directory.checkpoint(29)
    kept = before.read_bytes()
    before.write_bytes(b"nothing")
    with pytest.raises(UserError, match=r"epoch-00030\.npz: not readable as a NumPy archive"):
        kerasnets.train(recipe, run_copy, resume=True)
    np.savez(newest, other=np.zeros(3))
    with pytest.raises(UserError, match="not a checkpoint of kerasnets"):
        kerasnets.train(recipe, run_copy, resume=True)
    write_checkpoint(newest, {"other": np.zeros(3)}, {})
    with pytest.raises(UserError, match="is not in both the checkpoint and the model"):
        kerasnets.train(recipe, run_copy, resume=True)
    before.write_bytes(kept)
    newest.write_bytes(whole[: len(whole) // 2])
    kerasnets.train(recipe, run_copy, resume=True)
    assert any(message.endswith("going on from the checkpoint before") for message in caplog.messages)
    assert newest.read_bytes() == whole
    assert directory.result.test.accuracy >= 0.97


def test_batches_are_copied_to_the_device_ahead_of_their_step():
    batches = tf.data.Dataset.range(6).batch(2)
    ahead = ahead_on_device(batches, tf.distribute.get_strategy(), device="CPU:2")
    assert [batch.numpy().tolist() for batch in ahead] == [[0, 1], [2, 3], [4, 5]]
    assert next(iter(ahead)).device.endswith("CPU:2")
    assert ahead_on_device(batches, make_strategy("mirrored", 2)) is batches


def test_a_photo_that_breaks_after_the_check_is_one_line(image_folder, tmp_path, command, monkeypatch):
    def broken_meanwhile(*arguments, **options):
        (image_folder / "digit1" / "03.png").write_bytes(b"broken meanwhile")
        for photo in (image_folder / "digit2").iterdir():
            photo.unlink()

    monkeypatch.setattr(run, "describe", broken_meanwhile)
    overrides = [
        "data.source=folder",
        f"data.path={image_folder}",
        "train.batch_size=8",
        "preprocess.1.op=scale",
    ]
    arguments = [part for override in [*overrides, "augment=[]"] for part in ("--set", override)]
    code, _, errors = command("train", "lenet5-digits", "--run", tmp_path / "run", *arguments)
    assert code == 1
    last = errors.splitlines()[-1]
    assert last.startswith(f"kerasnets: {tmp_path / 'run'}: training stopped: ")
    assert "No such file" in last or "Unknown image file format" in last
    assert "Traceback" not in errors


def test_an_interrupted_run_says_so_is_locked_meanwhile_and_goes_on(tmp_path, refused):
    """A real process: another one is refused while it writes; Ctrl-C; it is resumed."""
    overrides = ["train.epochs=10", "train.batch_size=64", *UNDIAGNOSED]
    recipe, run = load_recipe("lenet5-digits", overrides), tmp_path / "run"
    given = [part for override in overrides for part in ("--set", override)]
    arguments = ["train", "lenet5-digits", "--run", str(run), *given]
    said = tmp_path / "said.txt"
    process = start_command(*arguments, said=said)
    while not RunDirectory(run).epochs_done():
        assert process.is_alive(), said.read_text()
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGSTOP)
    assert f"process {process.pid} is writing here" in refused(*arguments)
    os.kill(process.pid, signal.SIGINT)
    os.kill(process.pid, signal.SIGCONT)
    process.join()
    assert process.exitcode == 130
    assert said.read_text().splitlines()[-1].startswith("kerasnets: interrupted")
    assert 1 <= RunDirectory(run).epochs_done() < 10
    assert "already holds a run stopped after epoch" in refused(*arguments)
    assert "unfinished" in refused("export", run)
    assert kerasnets.train(recipe, run, resume=True).result.epochs == 10
