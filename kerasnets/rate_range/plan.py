"""How many steps a range test takes, and what it refuses."""

from kerasnets.errors import UserError
from kerasnets.recipe import Recipe

SHARE = 0.24
"""Part of the training's steps that a range test takes, at most, where that is enough of them."""

MOST, LEAST = 100, 30
"""Rates of one sweep: more tell no more, fewer hardly tell where the loss bends."""

PROBE_STEPS = 1
"""Steps before the sweeps, which tell how far a rate moves the weights."""

HIGHEST_RATE = 100.0
"""What a recipe's optimizer.learning_rate may be."""


def check_range(
    recipe: Recipe, *, seeds: int, lowest: float | None, highest: float | None, steps: int | None
) -> None:
    """Refuse what a range test cannot be made of.

    Raises:
        UserError: see the messages.
    """
    if recipe.train.phases:
        raise UserError(
            f"{recipe.origin}: train.phases: found {len(recipe.train.phases)}, allowed in a range test: "
            "none: each phase has a rate and layers of its own"
        )
    if getattr(recipe.optimizer, "relative_step", False):
        raise UserError(
            f"{recipe.origin}: optimizer.relative_step: found true, allowed in a range test: false: with it "
            "adafactor has a rate of its own, which falls with the steps"
        )
    if seeds < 1:
        raise UserError(f"seeds: found {seeds}, allowed: 1 or more")
    if steps is not None and steps < 2:
        raise UserError(f"steps: found {steps}, allowed: 2 or more rates for each seed")
    for name, rate in (("lowest", lowest), ("highest", highest)):
        if rate is not None and not 0 < rate <= HIGHEST_RATE:
            raise UserError(
                f"{name}: found {rate:g}, allowed: a learning rate above 0, up to {HIGHEST_RATE:g}"
            )
    end = HIGHEST_RATE if highest is None else highest
    if lowest is not None and lowest >= end:
        raise UserError(f"lowest: found {lowest:g}, allowed: below highest, {end:g}")


def rates_of_seed(training_steps: int, seeds: int) -> int:
    """Return how many rates each seed goes through: `SHARE` of the training's steps, within bounds.

    Args:
        training_steps: of the whole training.
        seeds: how many sweeps there are.
    """
    each = int(SHARE * training_steps - PROBE_STEPS) // seeds - 1  # a sweep takes a step more than its rates
    return min(max(each, LEAST), MOST)
