"""The phases of a run, one after the other: what is trained, on images or on what was computed once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import keras
import tensorflow as tf

from kerasnets.sizing.layers import parameter_count
from kerasnets.terminal import say
from kerasnets.training.callbacks.run_callbacks import RunCallbacks
from kerasnets.training.position import RunPhase, RunPosition, phase_at, run_phases
from kerasnets.training.setup.features import Features, frozen_features
from kerasnets.training.setup.model import begin_phase, choose_trained
from kerasnets.training.setup.preparation import PreparedRun

Batches = tuple[tf.data.Dataset, tf.data.Dataset | None]
"""Of training, from a position on; and of validation."""


class Phases:
    """The phases of a run, and the one that its trainer is in: the first, to begin with.

    A run without [[train.phases]] has a single one, which is the whole run.

    Args:
        prepared: what is trained.
        callbacks: of the run.
    """

    def __init__(self, prepared: PreparedRun, callbacks: RunCallbacks):
        self._prepared, self._callbacks = prepared, callbacks
        self._all = run_phases(prepared.inputs.recipe)
        self.present = self._all[0]

    def enter_at(self, position: RunPosition) -> None:
        """Have the trainer in the phase that was trained last at a position, as its checkpoint has it."""
        self._enter(phase_at(self._all, position))

    def after(self, position: RunPosition) -> tuple[RunPhase, ...]:
        """Return the phases with epochs to train after a position."""
        return tuple(phase for phase in self._all if position.epoch < phase.end)

    @contextmanager
    def training(
        self, phase: RunPhase, position: RunPosition, check: Callable[[], None]
    ) -> Iterator[Batches]:
        """Have the trainer in a phase, and give its batches from a position on, while the block runs.

        Args:
            phase: which one.
            position: of its first step.
            check: called while features are computed; may raise, then the trainer stays where it is.
        """
        inputs, trainer = self._prepared.inputs, self._prepared.trainer
        features = self._features(phase, check)
        self._enter(phase)
        if features:
            with trainer.running(features.above):
                yield features.training_batches(*position), features.validation_batches()
        else:
            validation = inputs.dataset.validation
            yield (
                inputs.training_batches(*position, augmented=phase.augmented),
                None if validation is None else inputs.evaluation_batches(validation, repeated=True),
            )

    def _enter(self, phase: RunPhase) -> None:
        if phase != self.present:
            prepared = self._prepared
            begin_phase(prepared.trainer, prepared.network, prepared.inputs, phase=phase)
            self._callbacks.begin_phase(phase)
            self.present = phase

    def _features(self, phase: RunPhase, check: Callable[[], None]) -> Features | None:
        """Return what is computed once for a phase, before its trainer changes; describe the phase."""
        inputs, network = self._prepared.inputs, self._prepared.trainer.model
        phased = bool(inputs.recipe.train.phases)
        if not phased:
            return None
        choose_trained(network, inputs.recipe, phase)
        if self._prepared.trainer.hosts.chief:
            say(_described(phase, network, phases=len(self._all), augments=bool(inputs.recipe.augment)))
        try:
            if phase.augmented:
                return None
            return frozen_features(
                inputs, network, read_again=phase.end < inputs.recipe.train.epochs, check=check
            )
        finally:
            choose_trained(network, inputs.recipe, self.present)


def _described(phase: RunPhase, network: keras.Model, *, phases: int, augments: bool) -> str:
    layers = [layer for layer in network.layers if layer.weights]
    trained = [layer for layer in layers if layer.trainable_weights]
    count = parameter_count(network.trainable_weights)
    plain = ", images not augmented" if augments and not phase.augmented else ""
    return (
        f"phase {phase.number + 1} of {phases}: epochs {phase.first + 1} to {phase.end}, {len(trained)} of "
        f"{len(layers)} layers trained ({count:,} weights) at rate {phase.rate:g}{plain}"
    )
