"""What rules must know of a run besides its records."""

import keras
import numpy as np

from kerasnets.diagnosis.checks.loss_kind import LossKind
from kerasnets.diagnosis.checks.model import DROPOUT
from kerasnets.diagnosis.facts import Facts
from kerasnets.recipe import Recipe
from kerasnets.training.position import run_phases
from kerasnets.training.setup.inputs import TrainingInputs

MIXING = ("mixup", "cutmix")


def run_facts(inputs: TrainingInputs, network: keras.Model) -> Facts:
    """Return what a run's recipe, data and network say about its training."""
    recipe, dataset = inputs.recipe, inputs.dataset
    operations = [step.op for step in recipe.augment]
    return Facts(
        classes=None if dataset.numeric else len(dataset.classes),
        class_shares=() if dataset.numeric else _shares(inputs),
        training_examples=len(dataset.train),
        batch_size=recipe.train.batch,
        epochs=recipe.train.epochs,
        optimizer=recipe.optimizer.name,
        learning_rate=max(phase.rate for phase in run_phases(recipe)),
        loss=recipe.loss.name,
        l2=bool(recipe.regularization.l2 or recipe.regularization.decoupled),
        dropout=any(isinstance(layer, DROPOUT) and layer.rate > 0 for layer in network.layers),
        augmented=bool(operations),
        pretrained=is_pretrained(recipe),
        label_smoothing=run_loss(recipe).label_smoothing,
        mixing=any(operation in MIXING for operation in operations),
    )


def run_loss(recipe: Recipe) -> LossKind:
    """Return what a recipe's training minimizes; our networks of classes end in logits."""
    smoothing = getattr(recipe.loss, "label_smoothing", 0.0)
    return LossKind(name=recipe.loss.name, from_logits=True, label_smoothing=smoothing)


def is_pretrained(recipe: Recipe) -> bool:
    """Return whether a recipe's training begins from weights of another."""
    return bool(recipe.model.weights or recipe.initialization.from_run)


def _shares(inputs: TrainingInputs) -> tuple[float, ...]:
    """Return what each class counts in the training loss, unless by numbers that the recipe gives."""
    counts = np.bincount(np.asarray(inputs.dataset.train.labels), minlength=len(inputs.dataset.classes))
    if "balanced" in (inputs.recipe.data.sampling, inputs.recipe.loss.class_weights):
        counts = np.minimum(counts, 1)
    return tuple((counts / counts.sum()).tolist())
