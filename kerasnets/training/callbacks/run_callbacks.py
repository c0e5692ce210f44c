"""The callbacks of a run: rate, diagnostics, record and progress, and their state together."""

import numpy as np

from kerasnets.callbacks import ActivationStats, DiagnosticsLog, UpdateRatio
from kerasnets.data.pipeline.batches import evaluation_batches
from kerasnets.errors import UserError
from kerasnets.schedules import make_schedule
from kerasnets.training.callbacks.progress import Progress
from kerasnets.training.callbacks.run_record import RunRecord
from kerasnets.training.callbacks.scheduled_rate import ScheduledRate


class RunCallbacks:
    """The callbacks of a run.

    Args:
        inputs: the `TrainingInputs`.
        model: the `Trainer`.
        directory: the `RunDirectory`.
        saver: the `Saver`.
        stop_signals: the `StopSignals`.
        of_user: Keras callbacks of the user's, which come after all others.

    Attributes:
        rate: the `ScheduledRate`.
        record: the `RunRecord`.
        callbacks: all of them, in their order.
    """

    def __init__(self, inputs, model, directory, saver, stop_signals, of_user=()):
        recipe, steps = inputs.recipe, inputs.steps_per_epoch
        self._directory = directory
        train, chief = recipe.train, model.hosts.chief
        schedule = make_schedule(
            recipe.schedule.model_dump(),
            recipe.optimizer.learning_rate,
            steps_per_epoch=steps,
            epochs=train.epochs,
        )
        self.rate = ScheduledRate(schedule, steps)
        self._steps = steps
        self._log = DiagnosticsLog(directory.diagnostics_file) if chief else None
        watching = _watching(inputs, self._log) if chief else {}
        self.record = RunRecord(
            model, directory, saver, stop_signals, {"rate": self.rate, **watching}, self._log,
            monitored(recipe, inputs.dataset), train.early_stopping,
        )  # fmt: skip
        progress = [Progress(train.epochs, steps, train.batch_size)] if chief else []
        self.callbacks = [self.rate, *watching.values(), self.record, *progress, *of_user]

    def resume(self, epoch, step, state):
        """Go on from the state of a checkpoint at (epoch, step)."""
        if step > self._steps or len(state["rows"]) != epoch:
            done = f"{len(state['rows'])} epochs and {step} steps"
            raise UserError(
                f"found a state after {done}, allowed: {epoch} epochs and up to {self._steps} steps"
            )
        if self._log is not None:
            with self._directory.naming_damage(self._log.path):
                self._log.resume(epoch * self._steps + step)
        self.record.set_state(epoch, step, state)
        self.record.write_history()

    def rescue(self, factor):
        """Multiply all rates from now on, and remember that it was done."""
        self.rate.lower(factor)
        self.record.rescued = True


def monitored(recipe, dataset):
    """Return the name in the logs that the best epoch is judged by."""
    if recipe.train.monitor:
        return recipe.train.monitor
    measure = "loss" if dataset.numeric else "accuracy"
    return measure if dataset.validation is None else f"val_{measure}"


def _watching(inputs, log):
    watch, callbacks = inputs.recipe.diagnostics, {}
    if watch.update_ratio_every:
        callbacks["update_ratio"] = UpdateRatio(log, watch.update_ratio_every, tuple(watch.ratio_band))
    if watch.activation_stats_every:
        probe = _probe(inputs, watch.probe_images)
        every = watch.activation_stats_every
        callbacks["activation_stats"] = ActivationStats(log, probe, every, watch.collapse)
    return callbacks


def _probe(inputs, count):
    """Return evenly spaced training images as the network takes them, without augmentation."""
    split = inputs.dataset.train
    chosen = split.at(np.linspace(0, len(split) - 1, min(count, len(split))).astype(int))
    batches = evaluation_batches(
        chosen, inputs.preprocessing, classes=len(inputs.dataset.classes), batch_size=len(chosen)
    )
    return np.concatenate([batch[0] for batch in batches])
