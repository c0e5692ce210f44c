"""One run, from a recipe to a finished run directory."""

import logging
import time
from contextlib import nullcontext
from functools import partial

import tensorflow as tf

from kerasnets import models
from kerasnets.errors import DivergedError, FailureError, StoppedError, UserError, graph_cause
from kerasnets.files.whole_files import whole_file
from kerasnets.runs.records.result import Measures, Result
from kerasnets.runs.same_data import check_data_is_there, check_goes_on
from kerasnets.terminal import phase, say
from kerasnets.training.callbacks.run_callbacks import RunCallbacks
from kerasnets.training.checkpoints.file import capture, not_finite
from kerasnets.training.checkpoints.resume import restore_best, restore_newest
from kerasnets.training.checkpoints.saver import Saver
from kerasnets.training.distribution.agreement import (
    check_same_images,
    check_same_settings,
    ending_with_others,
    refusing_together,
)
from kerasnets.training.distribution.hosts import Hosts
from kerasnets.training.distribution.strategy import ahead_on_device, make_strategy
from kerasnets.training.fit.nonfinite import describe_divergence
from kerasnets.training.run_files import describe, write_beginning
from kerasnets.training.setup.environment import deterministic_ops, unused_gpu
from kerasnets.training.setup.inputs import list_inputs, prepare_inputs
from kerasnets.training.setup.model import make_model
from kerasnets.training.signals import StopSignals

log = logging.getLogger("kerasnets")

RESCUE = 0.1
"""Factor on the learning rate of a run that goes back because it diverged."""


def run_training(recipe, directory, resume, run_log, *, callbacks=(), rescue=True, data_of=None):
    """Train `recipe` in `directory`, from its newest checkpoint if `resume`.

    Args:
        recipe: a `Recipe`.
        directory: a `RunDirectory`.
        callbacks: the user's Keras callbacks.
        resume: go on where an unfinished run stopped.
        rescue: go back once, at a lower rate, where training diverges.
        run_log: the `RunLog` that keeps what is said; it gets its file here.
        data_of: the `RunDirectory` of another run, whose images a new one must have too; None for any.

    Raises:
        UserError: the recipe does not fit its data, or the directory cannot be used.
        StoppedError: Ctrl-C or SIGTERM; the run has been saved.
        FailureError: training diverged twice, something in TensorFlow failed, or another host did not come
            or has ended.
    """
    with deterministic_ops(recipe.train.deterministic):
        _run_training(recipe, directory, resume, run_log, callbacks, rescue, data_of)


def _run_training(recipe, directory, resume, run_log, callbacks, rescue, data_of):
    try:
        models.check_options(recipe.model.name, recipe.model.options)
    except UserError as error:
        raise UserError(f"{recipe.origin}: model.options: {error}") from None
    # before any data: logical devices can be made only until TensorFlow has run its first operation
    train = recipe.train
    strategy = make_strategy(train.strategy, train.devices, train.host_wait_seconds)
    hosts = Hosts(strategy)
    unused = unused_gpu()
    if unused:
        log.warning("%s", unused)
    make = partial(make_model, strategy=strategy, from_start=not (resume and directory.checkpointed()))
    with ending_with_others(hosts, directory):
        inputs, made = _prepare(recipe, strategy, hosts, directory if directory.exists else data_of, make)
        model, network = made or make(inputs)
        with directory.locked() if hosts.chief else nullcontext():
            with refusing_together(hosts):
                if hosts.chief:
                    directory.check_usable(recipe, resume=resume)
                    run_log.keep_in(directory.log_file)
                    write_beginning(directory, inputs, strategy)
            try:
                _Run(inputs, strategy, model, network, directory, callbacks, rescue).complete()
            except DivergedError as diverged:
                if not rescue:
                    raise
                raise FailureError(
                    f"{directory}: {diverged}; set a lower optimizer.learning_rate"
                ) from diverged
            except OSError as error:
                if directory.path.is_dir():
                    raise
                raise FailureError(
                    f"{directory}: the folder was removed while its run was trained"
                ) from error
            except tf.errors.OpError as error:
                if hosts.lost(error):
                    raise
                raise FailureError(f"{directory}: training stopped: {graph_cause(error)}") from error


def _prepare(recipe, strategy, hosts, data_of, make):
    """Return the `TrainingInputs`, the same on every host, and its model where that can be made before.

    It has the images of the run `data_of`, if any. The audit may take long: whatever the recipe asks of its
    network is refused before. Several hosts make theirs when they know that they have the same images.
    """
    with refusing_together(hosts):
        _check_shares(recipe, strategy, hosts)
    check_same_settings(hosts, recipe)
    with refusing_together(hosts):
        check = None
        if data_of is not None:
            check_data_is_there(data_of, recipe)
            check = partial(check_goes_on, data_of)
        listed = list_inputs(recipe)
        _check_monitors(listed)
        # published weights are compared with the statistics, which are not there yet
        later = listed.classes_may_go or hosts.count > 1 or recipe.model.weights
        made = None if later else make(listed)
        inputs = prepare_inputs(listed, _say_audit if hosts.chief else None, hosts.index, hosts.count, check)
    check_same_images(hosts, inputs.dataset)
    return inputs, made


def _check_shares(recipe, strategy, hosts):
    """Refuse batches that the devices, their parts, or the hosts cannot share evenly."""
    train, streams = recipe.train, recipe.data.streams
    parts = strategy.num_replicas_in_sync * train.accumulation
    if train.batch_size % parts:
        raise UserError(
            f"{recipe.origin}: train.batch_size: found {train.batch_size}, allowed: a multiple of {parts}, "
            f"the {strategy.num_replicas_in_sync} devices that share it times train.accumulation"
        )
    if streams % hosts.count:
        raise UserError(
            f"{recipe.origin}: data.streams: found {streams}, allowed: a multiple of the {hosts.count} hosts"
        )


def _check_monitors(listed):
    """Refuse to wait for something that no epoch will say."""
    recipe = listed.recipe
    names = ["loss", "mean_absolute_error" if listed.dataset.numeric else "accuracy"]
    names += [f"val_{name}" for name in names] if listed.validated else []
    asked = {"train.monitor": recipe.train.monitor} if recipe.train.monitor else {}
    if recipe.schedule.name == "plateau":
        asked["schedule.monitor"] = recipe.schedule.monitor
    for key, name in asked.items():
        if name not in names:
            reason = "; data.validation sets images apart" if name.startswith("val_") else ""
            raise UserError(f"{recipe.origin}: {key}: found {name!r}, allowed: {', '.join(names)}{reason}")


def _say_audit(audit):
    if len(audit.table) or audit.inspected or audit.notes:
        say(audit.text())


class _Run:
    """A run in progress.

    Args:
        inputs: the `TrainingInputs`.
        strategy: the `tf.distribute.Strategy`.
        model, network: as `make_model` gives them.
        directory: the `RunDirectory`.
        callbacks: the user's Keras callbacks.
        rescue: go back once, at a lower rate, where training diverges.
    """

    def __init__(self, inputs, strategy, model, network, directory, callbacks, rescue):
        self.inputs, self.recipe, self.strategy = inputs, inputs.recipe, strategy
        self.model, self.network, self.directory = model, network, directory
        self.callbacks, self.rescue = callbacks, rescue
        self.saver = self.listeners = None

    def complete(self):
        """Train to the end, measure, and write what the run leaves."""
        train, chief = self.recipe.train, self.model.hosts.chief
        started = time.monotonic()
        with (
            self.strategy.scope(),
            Saver(self.model, self.directory if chief else None, train.checkpoint_seconds) as self.saver,
            StopSignals() as stop_signals,
        ):
            self.listeners = RunCallbacks(
                self.inputs, self.model, self.directory, self.saver, stop_signals, self.callbacks
            )
            position = restore_newest(self.model, self.directory, self.listeners)
            if chief:
                describe(self.inputs, self.model, self.directory, position)
            try:
                self._train(position)
            except StoppedError:
                self.listeners.record.save_now()
                raise
        self._finish(position, time.monotonic() - started)

    def _train(self, position):
        """Fit from `position`; go back once, at a lower rate, where training diverges."""
        try:
            self._fit(position)
        except DivergedError as diverged:
            self.saver.wait()
            said = f"{self.directory}: {diverged}: {describe_divergence(self.inputs, self.model, diverged)}"
            if not self.rescue:
                raise
            if self.listeners.record.rescued:
                raise FailureError(f"{said}; at a lower rate too") from diverged
            log.warning("%s; going back to the last checkpoint, at %g times the rate", said, RESCUE)
            position = restore_newest(self.model, self.directory, self.listeners, self._good_until(diverged))
            self.listeners.rescue(RESCUE)
            self.listeners.record.save_now()
            self._train(position)

    def _good_until(self, diverged):
        """Return which positions a good step came after: at others, weights too large may have been saved."""
        steps = self.inputs.steps_per_epoch
        first_bad = diverged.epoch * steps + diverged.step + 1 - diverged.count
        return lambda epoch, step: epoch * steps + step < first_bad

    def _fit(self, position):
        train, inputs = self.recipe.train, self.inputs
        epoch, step = position
        if epoch == train.epochs or self.listeners.record.stopped_early:
            return  # stopped between the last checkpoint and the result
        validation = inputs.dataset.validation
        self.model.fit(
            ahead_on_device(inputs.training_batches(epoch, step), self.strategy),
            train.epochs,
            steps_per_epoch=inputs.steps_per_epoch,
            initial_epoch=epoch,
            initial_step=step,
            validation_data=None if validation is None else inputs.evaluation_batches(validation, True),
            callbacks=self.listeners.callbacks,
            rate=self.listeners.rate.rate,
            steps_per_execution=train.steps_per_execution,
        )

    def _finish(self, position, seconds):
        """Measure what was trained, and write the model and then the result, which makes the run finished."""
        recipe, record = self.recipe, self.listeners.record
        if recipe.train.keep == "best":
            restore_best(self.model, self.directory)
        broken = not_finite(capture(self.model))
        if broken:
            raise DivergedError(record.epochs_done - 1, self.inputs.steps_per_epoch - 1, broken=broken)
        steps = record.epochs_done * self.inputs.steps_per_epoch
        taken = steps - position[0] * self.inputs.steps_per_epoch - position[1]
        measured: dict[str, Measures] = {}
        with self.model.averaged():
            for name in ("validation", "test"):
                split = self.inputs.dataset.splits.get(name)
                if split is not None:
                    phase(f"measuring {len(split):,} {name} images")
                    means = self.model.evaluate(self.inputs.evaluation_batches(split))
                    measured[name] = Measures(**means, images=len(split))
            if self.model.hosts.chief:
                with whole_file(self.directory.model_file) as temporary:
                    self.network.save(temporary)
                Result(
                    name=recipe.name,
                    parameters=self.network.count_params(),
                    epochs=record.epochs_done,
                    steps=steps,
                    skipped_steps=record.skipped,
                    seconds=round(seconds, 1),
                    images_per_second=round(taken * recipe.train.batch_size / seconds, 1),
                    **measured,
                ).write(self.directory.result_file)
