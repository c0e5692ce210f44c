"""The callbacks of a run: its own, the user's after them, and their state together."""

from collections.abc import Sequence
from typing import Any

import keras

from kerasnets.callbacks.steps.step_statistics import StepStatistics
from kerasnets.data.dataset import Dataset
from kerasnets.errors import UserError
from kerasnets.recipe import Recipe
from kerasnets.runs.directory import RunDirectory
from kerasnets.schedules import Schedule, make_schedule
from kerasnets.training.callback_protocols import Stateful
from kerasnets.training.callbacks.checkpoint_timing import CheckpointTiming
from kerasnets.training.callbacks.early_stopping import EarlyStopping
from kerasnets.training.callbacks.epoch_history import EpochHistory
from kerasnets.training.callbacks.progress import Progress
from kerasnets.training.callbacks.recording import Recording, went_back
from kerasnets.training.callbacks.run_state import RunState
from kerasnets.training.callbacks.scheduled_rate import ScheduledRate
from kerasnets.training.callbacks.stop_on_signal import StopOnSignal
from kerasnets.training.checkpoints.saver import Saver
from kerasnets.training.fit.trainer import Trainer
from kerasnets.training.position import RunPhase, RunPosition, run_phases
from kerasnets.training.setup.inputs import TrainingInputs
from kerasnets.training.signals import StopSignals


class RunCallbacks:
    """The callbacks of a run.

    Args:
        inputs: of the run.
        trainer: of the run.
        directory: of the run.
        saver: writes its checkpoints.
        signals: what this host has received.
        user_callbacks: called after all others. The state of those that are `Stateful` is kept in the
            checkpoints.

    Attributes:
        rate: the learning rate.
        history: what was measured.
        early_stopping: the best epoch.
        checkpoints: when they are saved.
        diagnosis: whether the training is healthy; None on a host that writes nothing.
        in_order: all callbacks, in the order they are called in.
    """

    def __init__(
        self,
        inputs: TrainingInputs,
        trainer: Trainer,
        directory: RunDirectory,
        *,
        saver: Saver,
        signals: StopSignals,
        user_callbacks: Sequence[keras.callbacks.Callback] = (),
    ):
        recipe, chief = inputs.recipe, trainer.hosts.chief
        train, self._steps_per_epoch = recipe.train, inputs.steps_per_epoch
        self._directory, self._recipe = directory, recipe
        first = run_phases(recipe)[0]
        self.rate = ScheduledRate(self._schedule(first), self._steps_per_epoch)
        self.history = EpochHistory(directory.history_file if chief else None)
        recording = Recording(inputs, trainer, directory=directory, history=self.history) if chief else None
        self._recording = recording
        self.diagnosis = recording.diagnosis if recording else None
        self.early_stopping = EarlyStopping(
            trainer,
            monitored(recipe, inputs.dataset),
            train.early_stopping,
            last_phase=first.end == train.epochs,
        )
        self._state = RunState(
            self.history,
            self.early_stopping,
            callbacks={"rate": self.rate, **(recording.stateful if recording else {})},
            user_callbacks=_stateful(user_callbacks),
        )
        self.checkpoints = CheckpointTiming(
            trainer,
            saver,
            state=self._state,
            early_stopping=self.early_stopping,
            records=recording.records if recording else None,
        )
        progress = [Progress(train.epochs, self._steps_per_epoch, train.batch)] if chief else []
        self.in_order = [
            self.rate,
            *(recording.measuring if recording else ()),
            self.history,
            *([self.diagnosis] if self.diagnosis else ()),
            self.early_stopping,
            self.checkpoints,
            StopOnSignal(trainer.hosts, signals),
            *progress,
            *user_callbacks,
        ]

    def resume(self, position: RunPosition, state: dict[str, Any]) -> None:
        """Go on from the state of a checkpoint at a position."""
        if position.step > self._steps_per_epoch or len(state["rows"]) != position.epoch:
            found = f"{len(state['rows'])} epochs and {position.step} steps"
            allowed = f"{position.epoch} epochs and up to {self._steps_per_epoch} steps"
            raise UserError(f"found a state after {found}, allowed: {allowed}")
        steps = position.steps(self._steps_per_epoch)
        if self._recording:
            self._recording.records.resume(steps)
        # checkpoints of version 0.1 have neither
        self._state.set_state({"steps": steps, "user_callbacks": {}} | state)
        self.checkpoints.position = position
        self.history.write()

    def begin_phase(self, phase: RunPhase) -> None:
        """Go on in another phase: its rates, and an optimizer that has not counted a step."""
        self.rate.begin_phase(self._schedule(phase), phase.first)
        self.early_stopping.begin_phase(last=phase.end == self._recipe.train.epochs)
        for callback in self.in_order:
            if isinstance(callback, StepStatistics):
                callback.on_train_end()  # it measures at the optimizer, whose place another takes
        self._state.go_on()

    def _schedule(self, phase: RunPhase) -> Schedule:
        return make_schedule(
            self._recipe.schedule.model_dump(),
            phase.rate,
            steps_per_epoch=self._steps_per_epoch,
            epochs=phase.end - phase.first,
        )

    @property
    def rescued(self) -> bool:
        """Whether training has diverged and gone back once."""
        return self._state.rescued

    def rescue(self, factor: float) -> None:
        """Multiply all rates from now on, and remember that it was done."""
        self.rate.lower(factor)
        self._state.rescued = True
        if self.diagnosis:
            self.diagnosis.add(went_back(self.history.steps, factor))


def monitored(recipe: Recipe, dataset: Dataset) -> str:
    """Return the name in the logs that the best epoch is judged by."""
    if recipe.train.monitor:
        return recipe.train.monitor
    measure = "loss" if dataset.numeric else "accuracy"
    return measure if dataset.validation is None else f"val_{measure}"


def _stateful(user_callbacks: Sequence[keras.callbacks.Callback]) -> dict[str, Stateful]:
    """Return those of the user's callbacks that have a state, by their class and place."""
    return {
        f"{type(callback).__name__} {place}": callback
        for place, callback in enumerate(user_callbacks)
        if isinstance(callback, Stateful)
    }
