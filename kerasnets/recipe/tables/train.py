"""The table [train]: how long, in which batches, on what, and what is kept."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from kerasnets.recipe.base import Above0, Count, Positive, Section, TableError
from kerasnets.recipe.tables.schedule import Monitored

MOST_EVALUATED = 256
"""Images in a batch that is only measured: more are hardly faster."""


class Train(Section):
    """How long, in which batches, on what, and what is kept.

    `batch_size` counts the examples of an optimizer step: all devices' shares and all `accumulation` parts
    of these together. `devices` counts those of one host; `host_wait_seconds` is how long to wait for the
    others. `early_stopping` is how many epochs `monitor` may go without improving (0: for ever); `keep` says
    which weights the finished run has. `deterministic` leaves out GPU kernels that add in the order in which
    their threads finish.
    """

    epochs: Positive
    batch_size: Positive
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
    def evaluation_batch(self) -> int:
        """How many images the devices run forward at once: never more than they train on at once."""
        return min(MOST_EVALUATED, self.batch_size // self.accumulation)

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
        if self.batch_size % (devices * self.accumulation):
            parts = f" in {self.accumulation} parts each" if self.accumulation > 1 else ""
            raise TableError(
                "batch_size",
                self.batch_size,
                f"a multiple of {devices * self.accumulation}, for {devices} "
                f"{'device' if devices == 1 else 'devices'}{parts}",
            )
        return self
