"""What a recipe's training will be like, looked at before it begins: `kerasnets check`."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kerasnets.checking.cost import Cost, estimate_cost
from kerasnets.data_commands import draw_preview
from kerasnets.diagnosis.checks.loss_kind import LossKind
from kerasnets.diagnosis.trials.report import CheckReport, check_training
from kerasnets.losses import example_loss
from kerasnets.recipe import Recipe
from kerasnets.terminal import phase
from kerasnets.training.distribution.strategy import make_strategy
from kerasnets.training.setup.inputs import TrainingInputs, list_inputs, prepare_inputs
from kerasnets.training.setup.model import make_trainer

LOOKED_AT = 256
"""Training images that are looked at, at most: those of the first batches."""

FIT_SECONDS = 10.0
"""Seconds that steps on one batch may take."""


@dataclass(frozen=True, kw_only=True)
class RecipeCheck:
    """A recipe, checked before its training. It prints as a table, the cost and a conclusion.

    Attributes:
        name: of the recipe.
        report: what the checks found.
        cost: time and memory of the training.
        picture: of the augmentation, where it was asked for.
    """

    name: str
    report: CheckReport
    cost: Cost
    picture: Path | None = None

    @property
    def sound(self) -> bool:
        """Whether nothing was found but notes."""
        return self.report.sound

    def __str__(self) -> str:
        return "\n".join([self.report.table(), str(self.cost), f"{self.name}: {self.report.conclusion}"])


def check_recipe(recipe: Recipe, to: str | os.PathLike[str] | None) -> RecipeCheck:
    """Check a recipe on its own images; see `kerasnets.check`."""
    inputs = prepare_inputs(list_inputs(recipe))
    trainer, _ = make_trainer(inputs, make_strategy("single"))
    phase("checking one batch")
    x, y = _images(inputs)
    heads = len(trainer.model.outputs)
    loss = example_loss(**recipe.loss.options())
    report = check_training(
        trainer.model,
        x,
        [y] * heads if heads > 1 else y,
        loss=[loss] * heads if heads > 1 else loss,
        loss_weights=(1.0, *[recipe.loss.auxiliary_weight] * (heads - 1)) if heads > 1 else None,
        kind=_kind(recipe),
        pretrained=bool(recipe.model.weights or recipe.initialization.from_run),
        seconds=FIT_SECONDS,
    )
    phase("timing steps")
    picture = None
    if to is not None:
        Path(to).mkdir(parents=True, exist_ok=True)
        picture = draw_preview(inputs, Path(to, f"{recipe.name}-augmentation.png"), rows=6, columns=6)
    # these steps change the network, which nothing else needs any more
    cost = estimate_cost(inputs, trainer)
    return RecipeCheck(name=recipe.name, report=report, cost=cost, picture=picture)


def _kind(recipe: Recipe) -> LossKind:
    options = recipe.loss.options()
    return LossKind(
        name=recipe.loss.name, from_logits=True, label_smoothing=options.get("label_smoothing", 0.0)
    )


def _images(inputs: TrainingInputs) -> tuple[np.ndarray, np.ndarray]:
    """Return training images and labels as the network gets them, augmented and in the run's order."""
    images: list[Any] = []
    labels: list[Any] = []
    for batch in inputs.training_batches():
        images.append(batch[0].numpy())
        labels.append(batch[1].numpy())
        if sum(map(len, images)) >= LOOKED_AT:
            break
    return np.concatenate(images)[:LOOKED_AT], np.concatenate(labels)[:LOOKED_AT]
