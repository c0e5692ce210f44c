"""The images that a recipe names, audited and split as it says."""

from typing import Any

from kerasnets.data.dataset import Dataset
from kerasnets.data.sources.load import audited, read_source
from kerasnets.data.splits.by_hash import Shares
from kerasnets.recipe import Recipe


def recipe_dataset(recipe: Recipe) -> Dataset:
    """Return the images a recipe names, audited and split as it says."""
    data = recipe.data
    return audited(
        read_source(data.source, data.path, data.channels, workers=data.workers),
        data.path or data.source,
        shares=recipe_shares(recipe),
        workers=data.workers,
        **audit_settings(recipe),
    )


def recipe_shares(recipe: Recipe) -> Shares:
    """Return how the splits are drawn that a recipe's source lacks."""
    data, seed = recipe.data, recipe.data.split_seed
    return Shares(data.validation, data.test, recipe.train.seed if seed is None else seed)


def audit_settings(recipe: Recipe) -> dict[str, Any]:
    """Return the policies, by kind, and the limits that a recipe audits with, as `audit` takes them."""
    policies = recipe.data.audit.model_dump()
    limits = {name: policies.pop(name) for name in ("max_pixels", "significant_bits")}
    return {"policies": policies, **limits}
