"""Which test-time views of images a network is asked about."""

from collections.abc import Sequence

from kerasnets.errors import UserError
from kerasnets.recipe import changed
from kerasnets.runs.trained_run import TrainedNetwork
from kerasnets.runs.view_sizes import view_short_sides


def chosen_views(
    trained: TrainedNetwork, views: str | None, short_sides: Sequence[int] | None
) -> tuple[str, list[int]]:
    """Return the kind of view and the short sides: of its recipe, unless others are asked for.

    Args:
        trained: the network.
        views: a key of `kerasnets.catalog.views.SHORT_SIDES`; None for the recipe's.
        short_sides: pixels; none for the recipe's, with `views` for the paper's.

    Raises:
        UserError: no such views, or sizes that the network cannot take.
    """
    recipe = trained.recipe
    if views or short_sides:
        asked = {"views": views or recipe.evaluation.views, "short_sides": list(short_sides or [])}
        recipe = changed(recipe, {f"evaluation.{key}": value for key, value in asked.items()})
    chosen = recipe.evaluation
    try:
        return chosen.views, view_short_sides(chosen.views, chosen.short_sides, trained.preprocessing)
    except UserError as error:
        raise UserError(f"{recipe.origin}: {error}") from None
