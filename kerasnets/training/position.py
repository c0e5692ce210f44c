"""Where in a run training stands, and the phases that it goes through."""

from dataclasses import dataclass
from typing import NamedTuple

from kerasnets.recipe import Recipe
from kerasnets.recipe.tables.train import Phase


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


@dataclass(frozen=True, kw_only=True)
class RunPhase:
    """A part of a run with trained layers, an optimizer and rates of its own.

    Attributes:
        number: from 0.
        first, end: its first epoch, from 0, and the one after its last.
        layers: names or patterns of the layers that are trained; none for all.
        rate: learning rate that the schedule multiplies.
        augmented: whether its images are augmented.
    """

    number: int
    first: int
    end: int
    layers: tuple[str, ...]
    rate: float
    augmented: bool


def run_phases(recipe: Recipe) -> tuple[RunPhase, ...]:
    """Return the phases of a recipe's run; one without [[train.phases]] has a single one."""
    found: list[RunPhase] = []
    for phase in recipe.train.phases or [Phase(epochs=recipe.train.epochs)]:
        first = found[-1].end if found else 0
        found.append(
            RunPhase(
                number=len(found),
                first=first,
                end=first + phase.epochs,
                layers=tuple(phase.trainable),
                rate=phase.learning_rate or recipe.optimizer.learning_rate,
                augmented=phase.augment and bool(recipe.augment),
            )
        )
    return tuple(found)


def phase_at(phases: tuple[RunPhase, ...], position: RunPosition) -> RunPhase:
    """Return the phase that was trained last where a run stands: at a border, the one that has ended."""
    epoch = position.epoch if position.step else max(position.epoch - 1, 0)
    return next(phase for phase in phases if epoch < phase.end)
