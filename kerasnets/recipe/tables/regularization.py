"""The table [regularization]: weight decay, and of which kind."""

from typing import Self

from pydantic import model_validator

from kerasnets.recipe.base import NonNegative, Section, TableError


class Regularization(Section):
    """Weight decay: `l2` adds l2/2 · ‖w‖² to the loss, as the papers do; `decoupled` shrinks w itself."""

    l2: NonNegative = 0.0
    decoupled: NonNegative = 0.0
    biases: bool = False
    normalization: bool = False

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if self.l2 and self.decoupled:
            raise TableError("", "l2 and decoupled", "one of these two kinds of weight decay")
        return self
