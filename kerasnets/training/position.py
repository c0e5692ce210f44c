"""Where in a run training stands."""

from typing import NamedTuple


class RunPosition(NamedTuple):
    """A place between two optimizer steps of a run.

    Attributes:
        epoch: epochs done.
        step: optimizer steps done in the epoch that comes next.
    """

    epoch: int = 0
    step: int = 0

    def steps(self, steps_per_epoch: int) -> int:
        """Return the optimizer steps of the run before this place."""
        return self.epoch * steps_per_epoch + self.step
