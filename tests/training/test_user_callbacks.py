"""Keras callbacks of the user's in a run: what they see, when they are called, how they stop it."""

import keras
import pytest
from sweep import sweep

import kerasnets
from kerasnets.errors import UserError
from kerasnets.runs.directory import RunDirectory

DEVICES = [("single", 0), ("mirrored", 2)]


class Watching(keras.callbacks.Callback):
    """Keeps what it sees; wants to be called before every seventh step."""

    def __init__(self):
        super().__init__()
        self.steps, self.epochs, self.models, self.tests = [], [], set(), 0

    def next_boundary(self, step):
        return (step // 7 + 1) * 7

    def on_train_batch_end(self, batch, logs=None):
        self.steps.append(batch + 1)
        self.models.add(type(self.model))
        assert {"loss", "accuracy"} <= set(logs)

    def on_test_batch_end(self, batch, logs=None):
        self.tests += 1
        assert {"loss", "accuracy"} <= set(logs)

    def on_epoch_end(self, epoch, logs=None):
        self.epochs.append(dict(logs))


class Counting(keras.callbacks.Callback):
    """Counts epochs, also over the end of a process; stops the process that is told to."""

    def __init__(self, stop_at=None):
        super().__init__()
        self.count, self.stop_at = 0, stop_at

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.stop_at:
            raise KeyboardInterrupt
        self.count += 1

    def get_state(self):
        return {"count": self.count}

    def set_state(self, state):
        self.count = state["count"]


def _stop_at(batch):
    def stop(number, logs):
        if number >= batch:
            callback.model.stop_training = True

    callback = keras.callbacks.LambdaCallback(on_train_batch_end=stop)
    return callback


@pytest.mark.parametrize(("strategy", "devices"), sweep(DEVICES, quick=DEVICES[1:]))
def test_they_see_the_keras_model_and_the_logs_at_their_own_steps(strategy, devices, quick_recipe, tmp_path):
    watching = Watching()
    recipe = quick_recipe(f"train.strategy={strategy}", f"train.devices={devices}")
    run = kerasnets.train(recipe, tmp_path / "run", callbacks=[watching])
    (model,) = watching.models
    assert issubclass(model, keras.Model)
    steps = run.result.steps
    every_seventh = [step % (steps // 2) for step in range(7, steps, 7)]
    assert set(every_seventh) <= {step % (steps // 2) for step in watching.steps}
    history = run.history
    for logs, row in zip(watching.epochs, history.to_dict("records"), strict=True):
        assert logs == {name: value for name, value in row.items() if name != "epoch"}
    assert watching.tests


@pytest.mark.parametrize(("strategy", "devices"), sweep(DEVICES, quick=DEVICES[1:]))
def test_one_that_stops_in_an_epoch_ends_the_run_there(strategy, devices, quick_recipe, tmp_path):
    recipe = quick_recipe(
        f"train.strategy={strategy}", f"train.devices={devices}", "train.steps_per_execution=1"
    )
    run = kerasnets.train(recipe, tmp_path / "run", callbacks=[_stop_at(4)])
    assert run.finished
    result = run.result
    assert (result.epochs, result.steps) == (1, 5)
    assert len(run.history) == 1


def test_a_run_that_was_stopped_is_not_gone_on_with(quick_recipe, tmp_path, monkeypatch):
    """Also where the process ended before it could write the result."""

    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    recipe = quick_recipe("train.steps_per_execution=1")
    with monkeypatch.context() as patch:
        patch.setattr("kerasnets.training.run.finish_run", interrupted)
        with pytest.raises(KeyboardInterrupt):
            kerasnets.train(recipe, tmp_path / "run", callbacks=[_stop_at(4)])
    run = kerasnets.train(recipe, tmp_path / "run", resume=True)
    result = run.result
    assert (result.epochs, result.steps) == (1, 5)


def test_their_state_is_kept_over_the_end_of_a_process(quick_recipe, tmp_path):
    first, second = Counting(stop_at=2), Counting()
    recipe = quick_recipe("train.epochs=3")
    with pytest.raises(KeyboardInterrupt):
        kerasnets.train(recipe, tmp_path / "run", callbacks=[first])
    assert RunDirectory(tmp_path / "run").epochs_done() == 2
    kerasnets.train(recipe, tmp_path / "run", resume=True, callbacks=[second])
    assert (first.count, second.count) == (2, 3)


def test_those_of_keras_work(quick_recipe, tmp_path):
    callbacks = [
        keras.callbacks.EarlyStopping("val_loss", patience=0, min_delta=1e9, mode="min"),
        keras.callbacks.ModelCheckpoint(
            tmp_path / "best.keras", "val_accuracy", mode="max", save_best_only=True
        ),
        keras.callbacks.CSVLogger(tmp_path / "log.csv"),
    ]
    run = kerasnets.train(quick_recipe("train.epochs=6"), tmp_path / "run", callbacks=callbacks)
    assert len(run.history) == 2  # the first epoch is the best, the second is no better by far
    assert keras.models.load_model(tmp_path / "best.keras").output_shape == (None, 10)
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 3


def test_a_state_that_no_checkpoint_can_hold_is_refused(quick_recipe, tmp_path):
    counting = Counting()
    counting.get_state = lambda: {"epochs": {1, 2}}
    with pytest.raises(UserError, match=r"Counting.*get_state\(\): .*set.* allowed: numbers, texts"):
        kerasnets.train(quick_recipe(), tmp_path / "run", callbacks=[counting])
