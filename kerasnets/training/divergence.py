"""Why a run diverged, in words."""

from kerasnets.data.pipeline.order import training_order
from kerasnets.errors import DivergedError
from kerasnets.training.fit.nonfinite import find_cause, listed
from kerasnets.training.fit.trainer import Trainer
from kerasnets.training.setup.inputs import TrainingInputs


def describe_divergence(
    inputs: TrainingInputs, trainer: Trainer, diverged: DivergedError, *, augmented: bool = True
) -> str:
    """Return in words why a run diverged: the cause, and which images were in the batch.

    Args:
        inputs: of the run.
        trainer: with its weights as they were before the step.
        diverged: where that was.
        augmented: whether the images were.
    """
    place = diverged.epoch, diverged.step
    batch = next(iter(inputs.training_batches(*place, augmented=augmented)))
    order = training_order(len(inputs.dataset.train), inputs.plan.starting_at(*place))
    images = next(iter(order))[2].numpy()
    skipped = f"{trainer.max_bad_steps} steps in a row were not finite"
    cause = find_cause(trainer.model, trainer.objective, batch)
    return (
        f"{skipped}; the first that is not: {cause}; the batch holds training images {listed(images, most=8)}"
    )
