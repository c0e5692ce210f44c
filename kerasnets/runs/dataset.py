"""The images that a recipe names, audited and split as it says."""

from typing import Any

from kerasnets.data.dataset import Dataset
from kerasnets.data.sources.load import load_dataset
from kerasnets.recipe import Recipe


def recipe_dataset(recipe: Recipe) -> Dataset:
    """Load the images that a recipe names, audited and split as it says."""
    data = recipe.data
    return load_dataset(
        data.source,
        data.path,
        channels=data.channels,
        validation=data.validation,
        test=data.test,
        seed=recipe.train.seed,
        workers=data.workers,
        **audit_settings(recipe),
    )


def audit_settings(recipe: Recipe) -> dict[str, Any]:
    """Return the policies, by kind, and the limits that a recipe audits with, as `audit` takes them."""
    policies = recipe.data.audit.model_dump()
    limits = {name: policies.pop(name) for name in ("max_pixels", "significant_bits")}
    return {"policies": policies, **limits}
