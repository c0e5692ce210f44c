"""One run, from a recipe to a finished run directory."""

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import keras
import tensorflow as tf

from kerasnets import models
from kerasnets.errors import DivergedError, FailureError, StoppedError, UserError, graph_cause
from kerasnets.recipe import Recipe
from kerasnets.runs.directory import RunDirectory
from kerasnets.training.callbacks.run_callbacks import RunCallbacks
from kerasnets.training.checkpoints.saver import Saver
from kerasnets.training.distribution.agreement import ending_with_others, refusing_together
from kerasnets.training.distribution.hosts import Hosts
from kerasnets.training.distribution.strategy import ahead_on_device, make_strategy
from kerasnets.training.divergence import describe_divergence
from kerasnets.training.finish import finish_run
from kerasnets.training.fit.loop import run_epochs
from kerasnets.training.phases import Phases
from kerasnets.training.position import RunPhase, RunPosition
from kerasnets.training.resume import restore_newest
from kerasnets.training.run_files import describe, write_first_files
from kerasnets.training.run_log import RunLog
from kerasnets.training.setup.environment import deterministic_ops, unused_gpu
from kerasnets.training.setup.preparation import PreparedRun, prepare_run
from kerasnets.training.signals import StopSignals

log = logging.getLogger("kerasnets")

RESCUE = 0.1
"""Factor on the learning rate of a run that goes back because it diverged."""


def run_training(
    recipe: Recipe,
    directory: RunDirectory,
    run_log: RunLog,
    *,
    resume: bool = False,
    proposed: str = "",
    callbacks: Sequence[keras.callbacks.Callback] = (),
    rescue: bool = True,
    data_of: RunDirectory | None = None,
) -> None:
    """Train a recipe in a directory.

    Args:
        recipe: what to train.
        directory: of the run.
        run_log: gets its file here.
        resume: go on where an unfinished run stopped.
        proposed: text of the recipe as it was proposed, for the run to keep; empty for none.
        callbacks: the user's.
        rescue: go back once, at a lower rate, where training diverges.
        data_of: another run, whose images a new one must have too; None for any.

    Raises:
        UserError: the recipe does not fit its data, or the directory cannot be used.
        StoppedError: a signal stopped the run, which has been saved.
        DivergedError: training diverged and `rescue` is off.
        FailureError: training diverged twice, something in TensorFlow failed, or another host did not come
            or has ended.
    """
    try:
        models.check_options(recipe.model.name, recipe.model.options)
    except UserError as error:
        raise UserError(f"{recipe.origin}: model.options: {error}") from None
    with deterministic_ops(recipe.train.deterministic):
        # before any data: logical devices can be made only until TensorFlow has run its first operation
        train = recipe.train
        strategy = make_strategy(train.strategy, train.devices, host_wait_seconds=train.host_wait_seconds)
        hosts = Hosts(strategy)
        unused = unused_gpu()
        if unused:
            log.warning("%s", unused)
        with ending_with_others(hosts, directory):
            prepared = prepare_run(
                recipe,
                strategy,
                images_of=directory if directory.exists else data_of,
                first_weights=not (resume and directory.checkpointed()),
            )
            with directory.locked() if hosts.chief else nullcontext():
                with refusing_together(hosts):
                    if hosts.chief:
                        directory.check_usable(recipe, resume=resume)
                        run_log.write_to(directory.log_file)
                        write_first_files(directory, prepared.inputs, strategy, proposed=proposed)
                _complete(prepared, directory, callbacks=callbacks, rescue=rescue)


def _complete(
    prepared: PreparedRun,
    directory: RunDirectory,
    *,
    callbacks: Sequence[keras.callbacks.Callback],
    rescue: bool,
) -> None:
    """Train to the end, and say in one line what went wrong."""
    try:
        _train(prepared, directory, user_callbacks=callbacks, rescue=rescue)
    except DivergedError as diverged:
        if not rescue:
            raise
        raise FailureError(f"{directory}: {diverged}; set a lower optimizer.learning_rate") from diverged
    except OSError as error:
        if directory.path.is_dir():
            raise
        raise FailureError(f"{directory}: the folder was removed while its run was trained") from error
    except tf.errors.OpError as error:
        if prepared.trainer.hosts.lost(error):
            raise
        raise FailureError(f"{directory}: training stopped: {graph_cause(error)}") from error


def _train(
    prepared: PreparedRun,
    directory: RunDirectory,
    *,
    user_callbacks: Sequence[keras.callbacks.Callback],
    rescue: bool,
) -> None:
    """Go on from the newest checkpoint, or start; train to the end, and write what the run leaves."""
    inputs, trainer = prepared.inputs, prepared.trainer
    chief, started = trainer.hosts.chief, time.monotonic()
    with (
        trainer.scope(),
        Saver(trainer, directory if chief else None, inputs.recipe.train.checkpoint_seconds) as saver,
        StopSignals() as signals,
    ):
        callbacks = RunCallbacks(
            inputs, trainer, directory, saver=saver, signals=signals, user_callbacks=user_callbacks
        )
        phases = Phases(prepared, callbacks)
        position = restore_newest(trainer, directory, callbacks, phases=phases)
        if chief:
            describe(inputs, trainer, directory, position=position)
        steps_before = callbacks.history.steps
        try:
            training = _Training(
                prepared=prepared,
                directory=directory,
                callbacks=callbacks,
                phases=phases,
                signals=signals,
                rescue=rescue,
            )
            training.run(position)
        except StoppedError:
            callbacks.checkpoints.save_now()
            raise
    steps, seconds = callbacks.history.steps - steps_before, time.monotonic() - started
    verdict = callbacks.diagnosis.verdict if callbacks.diagnosis else None
    finish_run(
        prepared,
        directory,
        callbacks.history,
        phases=phases,
        verdict=verdict,
        steps=steps,
        seconds=seconds,
    )


@dataclass(frozen=True, kw_only=True)
class _Training:
    """The epochs of a run, which goes back once where it diverges.

    Attributes:
        prepared: what is trained.
        directory: of the run.
        callbacks: of the run.
        phases: of the run.
        signals: what this host has received.
        rescue: whether to go back.
    """

    prepared: PreparedRun
    directory: RunDirectory
    callbacks: RunCallbacks
    phases: Phases
    signals: StopSignals
    rescue: bool

    def run(self, position: RunPosition) -> None:
        """Train from a position to the end."""
        trainer, callbacks = self.prepared.trainer, self.callbacks
        try:
            self._fit(position)
        except DivergedError as diverged:
            callbacks.checkpoints.wait()
            augmented = self.phases.present.augmented
            where = describe_divergence(self.prepared.inputs, trainer, diverged, augmented=augmented)
            cause = f"{diverged}: {where}"
            if not self.rescue:
                raise
            if callbacks.rescued:
                raise FailureError(f"{self.directory}: {cause}; at a lower rate too") from diverged
            log.warning(
                "%s: %s; going back to the last checkpoint, at %g times the rate",
                self.directory,
                cause,
                RESCUE,
            )
            usable = self._followed_by_a_good_step(diverged)
            position = restore_newest(trainer, self.directory, callbacks, phases=self.phases, usable=usable)
            callbacks.rescue(RESCUE)
            callbacks.checkpoints.save_now()
            self.run(position)

    def _followed_by_a_good_step(self, diverged: DivergedError) -> Callable[[RunPosition], bool]:
        """Return which positions a good step came after: at others the weights may be too large already."""
        steps = self.prepared.inputs.steps_per_epoch
        first_bad = RunPosition(diverged.epoch, diverged.step + 1).steps(steps) - diverged.count
        return lambda position: position.steps(steps) < first_bad

    def _fit(self, position: RunPosition) -> None:
        trainer, callbacks = self.prepared.trainer, self.callbacks
        for phase in self.phases.after(position):
            if callbacks.early_stopping.stopped:
                return  # the process before ended between its last checkpoint and the result
            self._fit_phase(phase, position if position.epoch >= phase.first else RunPosition(phase.first))
            if trainer.model.stop_training and not callbacks.early_stopping.stopped:  # by the user
                callbacks.early_stopping.stopped = True
                callbacks.checkpoints.save_now()

    def _fit_phase(self, phase: RunPhase, position: RunPosition) -> None:
        inputs, trainer, callbacks = self.prepared.inputs, self.prepared.trainer, self.callbacks
        with self.phases.training(phase, position, self._check_signals) as (batches, validation):
            run_epochs(
                trainer,
                ahead_on_device(batches, self.prepared.strategy),
                steps_per_epoch=inputs.steps_per_epoch,
                epochs=inputs.recipe.train.epochs,
                initial_epoch=position.epoch,
                initial_step=position.step,
                end_epoch=phase.end,
                validation=validation,
                callbacks=callbacks.in_order,
                rate=callbacks.rate.rate,
                steps_per_execution=inputs.recipe.train.steps_per_execution,
            )

    def _check_signals(self) -> None:
        self.signals.check(self.signals.received)
