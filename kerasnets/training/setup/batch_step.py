"""A batch size that was chosen by an estimate is tried before the run begins."""

from dataclasses import replace

import keras
import numpy as np
import tensorflow as tf

from kerasnets.errors import UserError
from kerasnets.recipe.loading import changed
from kerasnets.sizing.layers import parameter_count
from kerasnets.terminal import phase, say
from kerasnets.training.checkpoints.file import capture, restore
from kerasnets.training.fit.trainer import Trainer
from kerasnets.training.position import RunPhase, run_phases
from kerasnets.training.setup.batch_size import batch_unit
from kerasnets.training.setup.inputs import TrainingInputs, batch_plan
from kerasnets.training.setup.model import begin_phase, choose_trained


def confirm_batch(inputs: TrainingInputs, trainer: Trainer, main: keras.Model) -> TrainingInputs:
    """Take a step with whole batches, and put everything back; halve them until they fit.

    Args:
        inputs: of a run on a single host, whose batch size was chosen.
        trainer: in the first phase; the step is one of the phase that trains most.
        main: the plain network, whose layers it trains.

    Returns:
        The inputs, with smaller batches where memory was exhausted.

    Raises:
        UserError: not even the smallest batch fits.
    """
    phase("taking a step to see whether the batch fits")
    phases, before = run_phases(inputs.recipe), capture(trainer)
    largest = max(phases, key=lambda each: _trained(trainer, inputs, each))
    begin_phase(trainer, main, inputs, phase=largest)
    unit = batch_unit(inputs.recipe, trainer.hosts.replicas)
    while not _fits(inputs, trainer):
        batch = inputs.recipe.train.batch
        if batch <= unit:
            raise UserError(
                f"{inputs.recipe.origin}: train.batch_size: found 'auto', but a step of {batch} images "
                "exhausts the memory, allowed: a smaller network or input, or train.accumulation above 1"
            )
        say(f"batch size: {batch // 2}: a step of {batch} images has exhausted the memory")
        recipe = changed(inputs.recipe, {"train.batch_size": batch // 2})
        inputs = replace(inputs, recipe=recipe, plan=batch_plan(recipe, labels=inputs.dataset.train.labels))
    begin_phase(trainer, main, inputs, phase=phases[0])
    restore("the numbers before", trainer, before)
    return inputs


def _trained(trainer: Trainer, inputs: TrainingInputs, phase: RunPhase) -> int:
    choose_trained(trainer.model, inputs.recipe, phase)
    return parameter_count(trainer.model.trainable_weights)


def _fits(inputs: TrainingInputs, trainer: Trainer) -> bool:
    try:
        batches = trainer.distribute(inputs.training_batches().take(1))
        trainer.take_steps(batches, 0, np.zeros(1, "float32"), count=1)
    except tf.errors.ResourceExhaustedError:
        return False
    return True
