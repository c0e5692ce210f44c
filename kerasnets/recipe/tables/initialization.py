"""The table [initialization]: how weights are drawn, or which earlier run they are taken from."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from kerasnets.recipe.base import Section, TableError

Initializer = Literal[
    "glorot_uniform",
    "glorot_normal",
    "he_uniform",
    "he_normal",
    "lecun_uniform",
    "lecun_normal",
    "lecun_1998",
    "uniform_sqrt_n",
    "random_normal",
    "zeros",
]


class Initialization(Section):
    """How kernels and biases start.

    `from_run` is the directory of an earlier run whose layers are copied: those named in `from_layers`, or
    all that have the same name and shapes. The others are drawn.
    """

    kernel: Initializer = "glorot_uniform"
    bias: Literal["zeros", "ones", "lecun_1998", "alexnet"] = "zeros"
    stddev: Annotated[float, Field(gt=0, le=1)] | None = None
    zero_gamma: bool = False
    from_run: str | None = None
    from_layers: list[str] = []

    @model_validator(mode="after")
    def _keys_go_together(self) -> Self:
        if (self.stddev is None) == (self.kernel == "random_normal"):
            raise TableError(
                "stddev",
                "none" if self.stddev is None else self.stddev,
                'a number with kernel = "random_normal", and only with it',
            )
        if self.from_layers and self.from_run is None:
            raise TableError("from_layers", self.from_layers, "with from_run, the run they are copied from")
        return self

    def drawn(self) -> dict[str, Any]:
        """Return the keys that say how weights are drawn, as `kerasnets.initializers` takes them."""
        return self.model_dump(exclude={"from_run", "from_layers"})
