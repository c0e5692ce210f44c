"""`train.batch_size = "auto"`: what is chosen, why, and that the run is one with that number."""

import numpy as np
import pytest
import small_runs
import tensorflow as tf

import kerasnets
from kerasnets.errors import UserError
from kerasnets.network_sizes import summarize
from kerasnets.recipe import changed, load_recipe
from kerasnets.runs.directory import RunDirectory
from kerasnets.runs.network import build_network
from kerasnets.sizing.layers import shapes_only
from kerasnets.training.fit.trainer import Trainer
from kerasnets.training.setup.batch_size import Room, choose_batch, training_room

AUTO = load_recipe("lenet5-digits", {"train.batch_size": "auto"})


def _chosen(allowed, images=10**6, devices=1, recipe=AUTO):
    with shapes_only():
        network = build_network(recipe, (32, 32, 1), 10)
    room = Room(allowed, on_gpu=False)
    return choose_batch(recipe, network, images=images, devices=devices, room=room)


@pytest.mark.parametrize("mebibytes", [6, 8, 20, 60])
def test_the_largest_batch_is_chosen_whose_training_fits(mebibytes):
    """As `kerasnets summary` estimates the whole training."""
    batch, reason = _chosen(mebibytes * 2**20)

    def peak(batch):
        whole = summarize(AUTO, batch=batch, input_shape=(32, 32, 1), classes=10).training["whole"]
        return whole["device"] + whole["input"] + whole["host"]

    assert batch in {2**power for power in range(9)}
    assert peak(batch) <= mebibytes * 2**20
    assert batch == 256 or peak(2 * batch) > mebibytes * 2**20
    assert "the training takes about" in reason


def test_an_epoch_keeps_its_steps_and_batches_stay_moderate():
    assert _chosen(2**40)[0] == 256
    assert "the most that is taken unasked" in _chosen(2**40)[1]
    assert _chosen(2**40, images=1000)[0] == 64  # 15 steps; 128 would be 7
    assert "an epoch of 1,000 images had fewer than 8 steps" in _chosen(2**40, images=1000)[1]
    parts = changed(AUTO, {"train.accumulation": 3, "data.streams": 2})
    assert _chosen(2**40, images=1000, devices=2, recipe=parts)[0] == 96  # of 6, 12, 24, 48, 96
    with pytest.raises(UserError, match="found 'auto', allowed: a number: by the estimate 1 images take"):
        _chosen(1000)


def test_the_room_is_half_of_the_memory_that_is_free():
    room = training_room()
    assert not room.on_gpu
    assert 2**28 < room.allowed < 2**44
    assert "50% of the free memory" in str(room)


def test_a_run_holds_the_number_and_goes_on_with_it(quick_recipe, tmp_path, capfd):
    recipe = quick_recipe('train.batch_size="auto"', "train.epochs=1")
    run = RunDirectory(kerasnets.train(recipe, tmp_path / "auto"))
    assert run.recipe().train.batch_size == 128
    assert "batch size: 128: with twice as many an epoch of 1,302 images" in capfd.readouterr().out
    run.result_file.unlink()
    kerasnets.train(recipe, run, resume=True)
    assert run.finished


@pytest.mark.exhaustive
def test_the_step_that_was_tried_leaves_nothing(quick_recipe, tmp_path):
    measured = ("train.epochs=1", "diagnostics.update_ratio_every=10")
    runs = [
        kerasnets.train(quick_recipe(f"train.batch_size={size}", *measured), tmp_path / str(place))
        for place, size in enumerate(('"auto"', 128))
    ]
    tried, given = map(small_runs.fingerprints, runs)
    assert tried == given


@pytest.mark.exhaustive
def test_batches_that_exhaust_the_memory_are_halved(quick_recipe, tmp_path, capfd, monkeypatch):
    """What a GPU raises; a CPU's system ends the process instead."""
    take = Trainer.take_steps

    def take_steps(self, iterator, first, rates, *, count):
        if len(rates) == 1:  # the step before the run
            batch = next(iterator)
            if len(batch[0]) > 32:
                raise tf.errors.ResourceExhaustedError(None, None, "OOM")
            iterator = self.distribute(tf.data.Dataset.from_tensors(batch))
        return take(self, iterator, first, rates, count=count)

    monkeypatch.setattr(Trainer, "take_steps", take_steps)
    run = RunDirectory(
        kerasnets.train(quick_recipe('train.batch_size="auto"', "train.epochs=1"), tmp_path / "run")
    )
    assert run.recipe().train.batch_size == 32
    assert "batch size: 32: a step of 64 images has exhausted the memory" in capfd.readouterr().out
    assert np.isfinite(run.history().loss).all()
