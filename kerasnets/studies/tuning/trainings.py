"""Many trainings of one recipe in one process: its network is built and its step compiled once."""

import math
from dataclasses import dataclass, replace

from kerasnets.data.dataset import Split
from kerasnets.errors import DivergedError
from kerasnets.recipe import Recipe
from kerasnets.schedules import make_schedule
from kerasnets.training.checkpoints.file import capture, restore
from kerasnets.training.distribution.strategy import make_strategy
from kerasnets.training.fit.loop import run_epochs
from kerasnets.training.setup.inputs import batch_plan
from kerasnets.training.setup.model import draw_first_weights
from kerasnets.training.setup.preparation import prepare_run

STEPS = 32
"""Steps an execution; another number would have the step compiled anew."""


@dataclass(frozen=True)
class Outcome:
    """What a training came to, NaN where it diverged.

    Attributes:
        validation: accuracy, 0 to 1.
        test: the same; NaN where it was not measured.
    """

    validation: float
    test: float


class Trainings:
    """Trains a recipe at one rate after the other, as `kerasnets.train` does, and leaves no files.

    Args:
        recipe: with validation and test images, without dropout.

    Attributes:
        recipe: the same.
    """

    def __init__(self, recipe: Recipe):
        strategy = make_strategy(recipe.train.strategy, recipe.train.devices)
        self._prepared = prepare_run(recipe, strategy, images_of=None, first_weights=True)
        self._first = capture(self._prepared.trainer)
        self.recipe = recipe

    def run(self, recipe: Recipe, *, epochs: int | None = None, tested: bool = False) -> Outcome:
        """Train from the first weights of the recipe's seed.

        Args:
            recipe: differs from the first one in rate, seed, epochs and schedule alone. The images of each
                split stay.
            epochs: to pause after, in a schedule of all; by default all of the recipe's.
            tested: whether to measure the test images too.
        """
        trainer = self._prepared.trainer
        plan = batch_plan(recipe, labels=self._prepared.inputs.dataset.train.labels)
        inputs = replace(self._prepared.inputs, recipe=recipe, plan=plan)
        schedule = make_schedule(
            recipe.schedule.model_dump(),
            recipe.optimizer.learning_rate,
            steps_per_epoch=inputs.steps_per_epoch,
            epochs=recipe.train.epochs,
        )
        restore("the first weights", trainer, self._first)
        draw_first_weights(trainer.model, recipe)
        try:
            run_epochs(
                trainer,
                inputs.training_batches(),
                steps_per_epoch=inputs.steps_per_epoch,
                epochs=recipe.train.epochs,
                end_epoch=epochs,
                rate=schedule.rate,
                steps_per_execution=STEPS,
            )
        except DivergedError:
            return Outcome(math.nan, math.nan)
        dataset = inputs.dataset
        test = self._accuracy(dataset.test) if tested else math.nan
        return Outcome(self._accuracy(dataset.validation), test)

    def _accuracy(self, split: Split | None) -> float:
        assert split is not None
        trainer = self._prepared.trainer
        batches = self._prepared.inputs.evaluation_batches(split, repeated=True)
        with trainer.scope():
            return trainer.evaluate(batches)["accuracy"]
