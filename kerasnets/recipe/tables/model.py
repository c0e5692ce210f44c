"""The table [model]: which architecture, and what it starts from."""

from typing import Any, Self

from pydantic import model_validator

from kerasnets.recipe.base import Section, TableError


class Model(Section):
    """Which architecture, with which options of its builder; and what it starts from.

    `weights` is a file of published weights or "imagenet"; `new_head` leaves its classifier out; `freeze`
    names the last layer that is not trained.
    """

    name: str
    options: dict[str, Any] = {}
    weights: str | None = None
    new_head: bool = False
    freeze: str | None = None

    @model_validator(mode="after")
    def _head_goes_with_weights(self) -> Self:
        if self.new_head and self.weights is None:
            raise TableError("new_head", "true", "true with weights, whose classifier it leaves out")
        return self
