"""What every table of a recipe is, and the numbers many of them hold."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Positive = Annotated[int, Field(ge=1)]
Count = Annotated[int, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, lt=1)]
Share = Annotated[float, Field(ge=0, le=1)]
NonNegative = Annotated[float, Field(ge=0)]
Above0 = Annotated[float, Field(gt=0)]
Between0And1 = Annotated[float, Field(gt=0, lt=1)]
Rate = Annotated[float, Field(gt=0, le=100)]
Size = Annotated[list[Positive], Field(min_length=2, max_length=2)]


def one_of(names: Iterable[str]) -> Any:
    """Return the type of text that is one of `names`; pydantic's errors list them in this order."""
    return Literal[*names]


class TableError(ValueError):
    """What the validator of a table refuses, for the line "key: found X, allowed: Y".

    Args:
        key: key within the table; empty for the table as a whole.
        found: what was found, a value or words.
        allowed: what is allowed, in words.
    """

    def __init__(self, key: str, found: object, allowed: str) -> None:
        super().__init__(f"found {found}, allowed: {allowed}")
        self.key = key


class Section(BaseModel):
    """A table of a recipe: no unknown keys, no silent conversions."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


def named(default: str) -> BeforeValidator:
    """Return a validator that gives a table without a `name` this one, so that single keys can be set."""

    def with_name(table: Any) -> Any:
        return {"name": default} | table if isinstance(table, dict) else table

    return BeforeValidator(with_name)
