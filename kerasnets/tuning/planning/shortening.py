"""A recipe made shorter: everything that counts epochs or steps shrinks with it."""

from typing import Any

from kerasnets.recipe import Recipe, changed


def shortened(recipe: Recipe, epochs: int) -> Recipe:
    """Return a recipe that trains for so many epochs, its schedule and phases shortened in proportion.

    Each phase keeps one epoch at least. Training is not stopped early for want of improvement.

    Args:
        recipe: the whole training.
        epochs: fewer than the recipe's; as many or more leave it as it is.
    """
    share = epochs / recipe.train.epochs
    if share >= 1:
        return recipe
    lengths: dict[str, Any] = {"train.early_stopping": 0}
    if recipe.train.phases:
        parts = _parts([phase.epochs for phase in recipe.train.phases], epochs)
        lengths |= {f"train.phases.{place}.epochs": part for place, part in enumerate(parts)}
    else:
        lengths["train.epochs"] = epochs
    return changed(recipe, lengths | _schedule(recipe.schedule.model_dump(), share))


def _schedule(schedule: dict[str, Any], share: float) -> dict[str, Any]:
    """Return the keys of a schedule that count epochs or steps, shortened."""
    lengths: dict[str, Any] = {"schedule.warmup_epochs": schedule["warmup_epochs"] * share}
    if schedule["name"] == "step":
        lengths["schedule.epochs"] = [epoch * share for epoch in schedule["epochs"]]
    elif schedule["name"] == "piecewise":
        steps: list[int] = []
        for step in schedule["steps"]:
            steps.append(max(round(step * share), steps[-1] + 1 if steps else 1))
        lengths["schedule.steps"] = steps
    elif schedule["name"] == "exponential":
        lengths["schedule.epochs"] = schedule["epochs"] * share
    elif schedule["name"] == "plateau":
        lengths["schedule.patience"] = max(1, round(schedule["patience"] * share))
    return lengths


def _parts(epochs: list[int], total: int) -> list[int]:
    """Return whole epochs in about the same proportions, one at least, that sum to `total` where they can."""
    whole, parts, before = sum(epochs), [], 0
    for place in range(len(epochs)):
        end = round(sum(epochs[: place + 1]) * total / whole)
        parts.append(max(1, end - before))
        before = max(end, before + 1)
    return parts
