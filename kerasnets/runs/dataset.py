"""The images that a recipe names, audited and split as it says."""

from kerasnets.data.sources.load import load_dataset


def recipe_dataset(recipe, said=None):
    """Load the images a recipe names, audited and split as it says; `said` is called with the `Audit`."""
    data = recipe.data
    return load_dataset(
        data.source, data.path, data.channels, data.validation, data.test, recipe.train.seed, data.workers,
        said=said, **audit_settings(recipe),
    )  # fmt: skip


def audit_settings(recipe):
    """Return the policies, by kind, and the limits that a recipe audits with, as `audit` takes them."""
    policies = recipe.data.audit.model_dump()
    limits = {name: policies.pop(name) for name in ("max_pixels", "significant_bits")}
    return {"policies": policies, **limits}
