"""The sizes at which test-time views are taken."""

from collections.abc import Sequence

from kerasnets.catalog.views import PAPER_INPUT, SHORT_SIDES
from kerasnets.data.preprocessing.steps import Preprocessing
from kerasnets.errors import UserError


def view_short_sides(views: str, short_sides: Sequence[int], preprocessing: Preprocessing) -> list[int]:
    """Return the short sides that images are resized to; none for the preprocessing's own centre view.

    Args:
        views: a key of `kerasnets.catalog.views.SHORT_SIDES`.
        short_sides: pixels; none for the papers', in proportion to the network's input.
        preprocessing: the run's.

    Raises:
        UserError: a short side below the network's input, or dense views where the preprocessing has
            statistics of each pixel, which belong to one size of image.
    """
    longest = max(preprocessing.output_shape[:2])
    chosen = list(short_sides) or [round(side * longest / PAPER_INPUT) for side in SHORT_SIDES[views]]
    if chosen and min(chosen) < longest:
        raise UserError(
            f"evaluation.short_sides: found {min(chosen)}, allowed: {longest} and above, the network's input"
        )
    for step in preprocessing.value_steps:
        if views == "dense" and (step.get("per") == "pixel" or step["op"] in ("pca", "zca")):
            raise UserError(
                f"evaluation.views: found 'dense', allowed: crops: {step['op']} has statistics of each pixel "
                "of the network's input, and dense views are larger"
            )
    return chosen
