"""The table of [[augment]] that is a Keras layer."""

from typing import TYPE_CHECKING, Any

from pydantic import ConfigDict

from kerasnets.catalog.keras_layers import LAYERS, REFUSED
from kerasnets.recipe.base import Section, one_of

if TYPE_CHECKING:
    LayerName = str
else:
    LayerName = one_of(LAYERS)


def not_refused(table: Any) -> Any:
    """Refuse the table of a layer that cannot be applied to images by themselves, with the reason."""
    op = table.get("op") if isinstance(table, dict) else None
    if isinstance(op, str) and op in REFUSED:
        raise ValueError(f"{op} {REFUSED[op]}")
    return table


class KerasLayer(Section):
    """A Keras layer by its name; the other keys are its own, checked where Keras is loaded."""

    model_config = ConfigDict(extra="allow")

    op: LayerName
