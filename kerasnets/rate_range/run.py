"""The range test of a recipe, by the training's own steps, on a network that nothing else sees."""

import logging
import math
from dataclasses import replace

import numpy as np
import tensorflow as tf

from kerasnets import models
from kerasnets.callbacks.measuring.random_state import RandomState
from kerasnets.errors import UserError
from kerasnets.rate_range.curve.rate_range import RateRange, range_of_sweeps
from kerasnets.rate_range.curve.sweep import Sweep, geometric_rates
from kerasnets.rate_range.plan import HIGHEST_RATE, check_range, rates_of_seed
from kerasnets.recipe import Recipe, changed
from kerasnets.terminal import show
from kerasnets.training.checkpoints.file import capture, restore
from kerasnets.training.distribution.strategy import ahead_on_device, make_strategy
from kerasnets.training.distribution.tf_config import cluster
from kerasnets.training.fit.step_rows import MEASURED
from kerasnets.training.setup.environment import deterministic_ops
from kerasnets.training.setup.inputs import TrainingInputs, batch_plan
from kerasnets.training.setup.model import draw_first_weights
from kerasnets.training.setup.preparation import PreparedRun, prepare_run

log = logging.getLogger("kerasnets")

RATIOS = (1e-5, 10.0)
"""Update ratios of a first step at the lowest and at the highest rate: far too small, and far too large.

About 1e-3 is healthy; with a momentum of 0.9 later steps move the weights up to ten times as far.
"""

FALLBACK = (1e-6, 10.0)
"""Rates of networks whose first step tells nothing: their weights or gradients are all zero."""


def find_rate_range(
    recipe: Recipe,
    *,
    seeds: int = 3,
    lowest: float | None = None,
    highest: float | None = None,
    steps: int | None = None,
) -> RateRange:
    """Return what a range test of a recipe finds; see `kerasnets.find_rate`."""
    check_range(recipe, seeds=seeds, lowest=lowest, highest=highest, steps=steps)
    if cluster().count > 1:
        raise UserError(f"TF_CONFIG: found {cluster().count} hosts, allowed in a range test: one")
    try:
        models.check_options(recipe.model.name, recipe.model.options)
    except UserError as error:
        raise UserError(f"{recipe.origin}: model.options: {error}") from None
    with RandomState.kept(), deterministic_ops(recipe.train.deterministic):
        strategy = make_strategy(recipe.train.strategy, recipe.train.devices)
        # every step is recorded, and so measured; nothing else of the training changes
        measured = changed(recipe, {"diagnostics.steps_every": 1})
        prepared = prepare_run(measured, strategy, images_of=None, first_weights=True)
        training_steps = prepared.inputs.steps_per_epoch * recipe.train.epochs
        count = steps or rates_of_seed(training_steps, seeds)
        with prepared.trainer.scope():
            test = RangeTest(prepared, count)
            rates = test.rates(lowest, highest)
            sweeps = [test.sweep(rates, seed, seeds) for seed in range(seeds)]
    found = range_of_sweeps(sweeps, steps=test.steps, trainings=test.steps / training_steps)
    _warn_of_short_training(recipe, found, training_steps)
    return found


class RangeTest:
    """Takes the steps of all sweeps, each from the first weights of its seed.

    Args:
        prepared: what the recipe trains with, its weights as the training would begin with them.
        count: rates of each sweep.

    Attributes:
        prepared: the same.
        steps: optimizer steps taken.
    """

    def __init__(self, prepared: PreparedRun, count: int):
        self.steps = 0
        self.prepared, self._count = prepared, count
        self._first = capture(prepared.trainer)

    def rates(self, lowest: float | None, highest: float | None) -> np.ndarray:
        """Return the rates of the sweeps; bounds that are not given come from how far a first step moves."""
        if lowest is None or highest is None:
            low, high = self._probed()
            high = min(max(high, 10 * (lowest or low)), HIGHEST_RATE) if highest is None else highest
            lowest, highest = (min(low, 0.1 * high) if lowest is None else lowest), high
        return geometric_rates(lowest, highest, self._count)

    def sweep(self, rates: np.ndarray, number: int, seeds: int) -> Sweep:
        """Take steps at rising rates, from the weights, order, augmentation and dropout of a seed.

        Args:
            rates: learning rates.
            number: which seed, from 0: that many after the recipe's.
            seeds: how many there are.
        """
        sweep, iterator = Sweep(rates), self._batches(self.begin(number))
        while not sweep.finished:
            show(
                f"range test: seed {number + 1} of {seeds}, rate {sweep.rate:.2g}",
                (number + sweep.steps / len(rates)) / seeds,
            )
            # masks of dropout are drawn by the number of the step
            first = number * (len(rates) + 1) + sweep.steps
            sweep.add(*self._step(iterator, first, sweep.rate))
        return sweep

    def _probed(self) -> tuple[float, float]:
        """Return the rates at which a first step would move the weights by `RATIOS` of their norm."""
        recipe = self.prepared.inputs.recipe
        rate = recipe.optimizer.learning_rate
        _, ratio = self._step(self._batches(self.begin(0)), 0, rate)
        if not 0 < ratio < math.inf:
            return FALLBACK
        low, high = (each * rate / ratio for each in RATIOS)
        return min(low, 1e-3 * HIGHEST_RATE), min(high, HIGHEST_RATE)

    def begin(self, number: int) -> TrainingInputs:
        """Have the network as the training of another seed begins; return that training's inputs."""
        prepared = self.prepared
        inputs, trainer = prepared.inputs, prepared.trainer
        restore("the first weights", trainer, self._first)
        if not number:
            return inputs
        train = inputs.recipe.train
        recipe = changed(inputs.recipe, {"train.seed": (train.seed + number) % 2**31})
        draw_first_weights(trainer.model, recipe)
        plan = batch_plan(recipe, labels=inputs.dataset.train.labels)
        return replace(inputs, recipe=recipe, plan=plan)

    def _batches(self, inputs: TrainingInputs) -> tf.data.Iterator:
        epochs = math.ceil((self._count + 1) / inputs.steps_per_epoch)
        plan = replace(inputs.plan, epochs=max(epochs, inputs.plan.epochs))
        batches = replace(inputs, plan=plan).training_batches()
        return self.prepared.trainer.distribute(ahead_on_device(batches, self.prepared.strategy))

    def _step(self, iterator: tf.data.Iterator, first: int, rate: float) -> tuple[float, float]:
        """Take a step; return its loss, NaN where it was not finite, and its update ratio."""
        trainer = self.prepared.trainer
        trainer.take_steps(iterator, first, np.array([rate], "float32"), count=1)
        self.steps += 1
        assert trainer.recorded is not None, "every step is recorded"
        row = dict(zip(MEASURED, trainer.recorded.values[0].tolist(), strict=True))
        # a step that only float16's scale was too large for is skipped, and is no divergence
        return math.nan if trainer.bad_in_row else row["loss"], row["update_ratio"]


def _warn_of_short_training(recipe: Recipe, found: RateRange, training_steps: int) -> None:
    if found.trainings is not None and found.trainings > 0.25:
        log.warning(
            "%s: a training of %d steps is short for a range test, which took %d steps, %.2g trainings",
            recipe.origin,
            training_steps,
            found.steps,
            found.trainings,
        )
