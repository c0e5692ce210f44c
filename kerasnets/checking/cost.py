"""What a training will take: seconds of a few of its steps, memory by its network's sizes."""

import time
from dataclasses import dataclass

import numpy as np

from kerasnets.network_sizes import summarize
from kerasnets.sizing.tables import bytes_text
from kerasnets.terminal import duration_text
from kerasnets.training.fit.trainer import Trainer
from kerasnets.training.setup.inputs import TrainingInputs

TIMED_STEPS, TIMED_SECONDS = 5, 3.0
"""Whole steps that are timed, at most, and the seconds after which no further one begins."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a training is estimated to take on this machine, on one device.

    Attributes:
        step_seconds: of an optimizer step.
        steps: of the whole training.
        step_bytes: memory of a step.
        run_bytes: the most memory that the whole training takes, without TensorFlow itself.
    """

    step_seconds: float
    steps: int
    step_bytes: int
    run_bytes: int

    @property
    def seconds(self) -> float:
        """Of all steps together, without the measurements between epochs."""
        return self.step_seconds * self.steps

    def __str__(self) -> str:
        return (
            f"a step takes about {duration_text(self.step_seconds)} and {bytes_text(self.step_bytes)}, "
            f"the training's {self.steps:,} steps about {duration_text(self.seconds)} and "
            f"{bytes_text(self.run_bytes)}"
        )


def step_seconds(inputs: TrainingInputs, trainer: Trainer) -> float:
    """Return the median of some whole steps, input included, after a first one that compiles."""
    iterator = trainer.distribute(inputs.training_batches())
    took: list[float] = []
    rate = np.array([inputs.recipe.optimizer.learning_rate], "float32")
    steps = min(TIMED_STEPS + 1, inputs.steps_per_epoch * inputs.recipe.train.epochs)
    while len(took) < steps and (len(took) < 2 or sum(took[1:]) < TIMED_SECONDS):
        began = time.perf_counter()
        trainer.take_steps(iterator, len(took), rate, count=1)
        took.append(time.perf_counter() - began)
    return float(np.median(took[1:] or took))


def estimate_cost(inputs: TrainingInputs, trainer: Trainer) -> Cost:
    """Estimate what a training takes, by its network's sizes and a few steps, which change the network.

    Args:
        inputs: of the run.
        trainer: of its network.
    """
    recipe = inputs.recipe
    height, width, channels = inputs.preprocessing.output_shape
    sizes = summarize(recipe, input_shape=(height, width, channels), classes=len(inputs.dataset.classes))
    training = sizes.training or {}
    return Cost(
        step_seconds=step_seconds(inputs, trainer),
        steps=inputs.steps_per_epoch * recipe.train.epochs,
        step_bytes=int(training["peak"]),
        run_bytes=int(training["whole"]["peak"]),
    )
