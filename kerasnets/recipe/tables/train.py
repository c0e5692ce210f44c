"""The table [train]: how long, in which batches, on what, and what is kept."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from kerasnets.errors import UserError
from kerasnets.recipe.base import Above0, Count, Positive, Rate, Section, TableError
from kerasnets.recipe.tables.schedule import Monitored

MOST_EVALUATED = 256
"""Images in a batch that is only measured: more are hardly faster."""


class Phase(Section):
    """A part of a training with layers, a rate and slots of the optimizer of its own.

    `trainable` names the layers that are trained, or patterns of them (`"fc*"`); all others are frozen, their
    batch normalizations keep their statistics. Empty, it stands for all layers. `learning_rate` is the
    optimizer's unless given; the schedule runs over the phase's own epochs. With `augment` off the images are
    not augmented, and what lies below the trained layers is computed once for each image.
    """

    epochs: Positive
    trainable: list[Annotated[str, Field(min_length=1)]] = []
    learning_rate: Rate | None = None
    augment: bool = True


class Train(Section):
    """How long, in which batches, on what, and what is kept.

    `phases` divide the training; `epochs` is then their sum and may be left out. `batch_size` counts the
    examples of an optimizer step: all devices' shares and all `accumulation` parts of these together; "auto"
    stands for as many as fit into memory (`kerasnets.training.setup.batch_size`). `devices` counts those of
    one host; `host_wait_seconds` is how long to wait for the others. `early_stopping` is how many epochs
    `monitor` may go without improving (0: for ever); `keep` says which weights the finished run has.
    `deterministic` leaves out GPU kernels that add in the order in which their threads finish.
    """

    epochs: Positive
    phases: list[Phase] = []
    batch_size: Literal["auto"] | Positive
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    strategy: Literal["auto", "single", "mirrored", "multi_worker"] = "auto"
    devices: Count = 0
    host_wait_seconds: Above0 = 600.0
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    steps_per_execution: Literal["auto"] | Positive = "auto"
    xla: bool = False
    deterministic: bool = False
    accumulation: Positive = 1
    synchronized_batch_norm: bool = False
    checkpoint_seconds: Above0 = 30.0
    max_bad_steps: Positive = 10
    monitor: Monitored | None = None
    early_stopping: Count = 0
    keep: Literal["last", "best"] = "last"

    @property
    def batch(self) -> int:
        """How many examples an optimizer step takes.

        Raises:
            UserError: it is "auto", which a training replaces by a number before its first step.
        """
        if self.batch_size == "auto":
            raise UserError("train.batch_size: found 'auto', allowed: a number, where nothing is trained")
        return self.batch_size

    @property
    def evaluation_batch(self) -> int:
        """How many images the devices run forward at once: never more than they train on at once."""
        return min(MOST_EVALUATED, self.batch // self.accumulation)

    @model_validator(mode="before")
    @classmethod
    def _epochs_of_phases(cls, table: Any) -> Any:
        """Fill in the sum, where only the phases say how long they take."""
        phases = table.get("phases") if isinstance(table, dict) else None
        if not isinstance(phases, list) or not phases or "epochs" in table:
            return table
        given = [phase.get("epochs") for phase in phases if isinstance(phase, dict)]
        known = [epochs for epochs in given if type(epochs) is int]
        return table | {"epochs": max(sum(known), 1)}  # a mistake in a phase is its own

    @model_validator(mode="after")
    def _epochs_are_those_of_phases(self) -> Self:
        total = sum(phase.epochs for phase in self.phases)
        if self.phases and self.epochs != total:
            raise TableError("epochs", self.epochs, f"{total}, the sum of train.phases, or none")
        return self

    @model_serializer(mode="wrap")
    def _without_the_sum(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave the sum of the phases out, so that a phase can be changed by itself."""
        table: dict[str, Any] = handler(self)
        if self.phases:
            table.pop("epochs", None)
        return table

    @model_validator(mode="after")
    def _batches_can_be_shared(self) -> Self:
        if self.strategy == "single" and self.devices > 1:
            raise TableError("devices", self.devices, '0 or 1 with strategy = "single"')
        if self.xla and self.synchronized_batch_norm:
            raise TableError(
                "",
                "xla and synchronized_batch_norm",
                "one of them: XLA compiles the pass of each replica by itself",
            )
        devices = max(1, self.devices)
        if self.batch_size != "auto" and self.batch_size % (devices * self.accumulation):
            parts = f" in {self.accumulation} parts each" if self.accumulation > 1 else ""
            raise TableError(
                "batch_size",
                self.batch_size,
                f"a multiple of {devices * self.accumulation}, for {devices} "
                f"{'device' if devices == 1 else 'devices'}{parts}",
            )
        return self
