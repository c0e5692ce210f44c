"""How many epochs a time allows: from steps that are really taken."""

import math
from dataclasses import dataclass

from kerasnets.checking.cost import step_seconds
from kerasnets.errors import UserError
from kerasnets.proposing.plan import Plan
from kerasnets.recipe import Recipe, changed
from kerasnets.terminal import duration_text, phase
from kerasnets.training.distribution.strategy import make_strategy
from kerasnets.training.setup.inputs import list_inputs, prepare_inputs
from kerasnets.training.setup.model import make_trainer

MEASURING = 1 / 3
"""Seconds that measuring an image takes, in those of training a whole network on it."""

RESERVE = 0.85
"""Share of the time that epochs may take; the rest is for loading, checkpoints and the last measurements."""

START = 30.0
"""Seconds until the first step."""


@dataclass(frozen=True)
class Pace:
    """How fast a recipe trains here.

    Attributes:
        step: seconds of an optimizer step.
        epoch: seconds of an epoch, its measurement of the validation images included.
        before: seconds before the first epoch whose number can be chosen.
    """

    step: float
    epoch: float
    before: float = 0.0


def measure_pace(recipe: Recipe) -> Pace:
    """Take some steps of a recipe's training, of its last phase, on its own images, and forget them."""
    phases = [each.model_dump(exclude_none=True) for each in recipe.train.phases]
    if phases:
        recipe = changed(recipe, {"train.phases": phases[-1:]})
    inputs = prepare_inputs(list_inputs(recipe))
    trainer, _ = make_trainer(inputs, make_strategy("single"))
    phase("timing steps")
    seconds = step_seconds(inputs, trainer)
    images = {name: len(split) / recipe.train.batch for name, split in inputs.dataset.splits.items()}
    # the upper layers alone are trained in little more time than it takes to run through all
    measured = images.get("validation", 0.0) * seconds * (1 if phases else MEASURING)
    epoch = seconds * inputs.steps_per_epoch + measured
    return Pace(seconds, epoch, before=images["train"] * seconds + measured if phases else 0.0)


def within(plan: Plan, minutes: float, pace: Pace) -> Plan:
    """Return a plan whose training takes no longer than so many minutes.

    Raises:
        UserError: they do not suffice for an epoch; of published weights, for a new classifier.
    """
    time = RESERVE * (60 * minutes - START) - pace.before
    epochs = int(time / pace.epoch)
    fewest = 0 if plan.network.weights else 1
    if time < 0 or epochs < fewest:
        least = (START + (pace.before + fewest * pace.epoch) / RESERVE) / 60
        raise UserError(
            f"--minutes {minutes:g}: an epoch takes about {duration_text(pace.epoch)} here, allowed: "
            f"{math.ceil(10 * least) / 10:g} minutes or more, or a smaller --network"
        )
    if epochs >= plan.epochs:
        return plan
    why = f"as many as fit {minutes:g} minutes: a step takes {duration_text(pace.step)} here"
    return plan.paced(epochs, why)
