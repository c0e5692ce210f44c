"""How a step is computed, whatever it minimizes."""

from dataclasses import dataclass


@dataclass(frozen=True)
class StepOptions:
    """How optimizer steps are taken.

    Attributes:
        accumulation: in how many parts each replica runs its share of a batch, one after another.
        xla: compile forward and backward pass with XLA.
        scale_loss: multiply the loss by a scale that follows the gradients' overflows, for float16.
        max_bad_steps: how many steps in a row may be skipped, because they are not finite, before training
            has diverged.
        seed: of dropout, a non-negative integer; every (seed, step, replica) has masks of its own.
        record_every: steps from one that is recorded to the next; 0 to record none.
    """

    accumulation: int = 1
    xla: bool = False
    scale_loss: bool = False
    max_bad_steps: int = 10
    seed: int = 0
    record_every: int = 0
