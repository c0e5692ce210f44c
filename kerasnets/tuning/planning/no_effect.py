"""Keys whose search would come to nothing, because they change nothing that is trained."""

from kerasnets.errors import UserError
from kerasnets.recipe import Recipe
from kerasnets.runs.directory import MAY_CHANGE
from kerasnets.tuning.planning.plan import RATE, Plan

APART = ("name", "tune", "evaluation", "diagnostics")
"""Tables, and the name, that say nothing of the training."""

COMPARED_ON = ("data.validation", "data.test", "data.split_seed", "data.source", "data.path")
"""Keys that decide which images trials are compared on."""


def check_effects(plan: Plan) -> None:
    """Raise UserError where a key is searched whose values are all trained alike, or cannot be compared."""
    for searched in plan.keys:
        why = _why_none(plan.recipe, searched.key, plan.tuner)
        if why:
            where = f"{plan.recipe.origin}: tune.parameters.{searched.key}"
            raise UserError(f"{where}: found a key {why}")


def _why_none(recipe: Recipe, key: str, tuner: str) -> str:
    """Return what speaks against a search of a key, and what to do instead; empty for nothing."""
    table, train = key.partition(".")[0], recipe.train
    if table in APART or tuple(key.split(".", 1)) in MAY_CHANGE:
        return "that does not change what is trained, allowed: one that does"
    if key in COMPARED_ON:
        return "that changes the images that trials are compared on, allowed: others"
    if key == "train.batch_size" and train.batch_size == "auto":
        return "that memory decides, allowed: with a number for train.batch_size, not 'auto'"
    if key == RATE and train.phases and all(phase.learning_rate for phase in train.phases):
        return "that no phase takes its rate from, allowed: train.phases.0.learning_rate"
    if key == "optimizer.ema_momentum" and not recipe.optimizer.use_ema:
        return "without an effect, allowed: with optimizer.use_ema = true"
    if key == "train.seed":
        return "that is no choice to make, allowed: tune.seeds, how many are trained"
    if key == "train.epochs" and (tuner == "hyperband" or recipe.tune.epochs):
        return "that the budget of the trials sets, allowed: with another tuner, without tune.epochs"
    return ""
