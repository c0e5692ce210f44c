"""What is recorded of a run besides its epochs, and what is judged by it."""

from collections.abc import Sequence
from functools import partial

import keras
import numpy as np

from kerasnets.callbacks import ActivationStats, GradientStats, UpdateRatio, WeightStats
from kerasnets.callbacks.pictures import ConfusionMatrix, FeatureMaps, FilterPictures
from kerasnets.data.dataset import Split
from kerasnets.data.pipeline.batches import evaluation_batches
from kerasnets.diagnosis.checks.model import outline
from kerasnets.diagnosis.checks.static import static_findings
from kerasnets.diagnosis.checks.subject import AT_ONCE
from kerasnets.diagnosis.finding import Finding
from kerasnets.runs.directory import RunDirectory
from kerasnets.training.callback_protocols import Stateful
from kerasnets.training.callbacks.epoch_history import EpochHistory
from kerasnets.training.callbacks.run_diagnosis import RunDiagnosis
from kerasnets.training.callbacks.run_records import RunRecords
from kerasnets.training.callbacks.step_history import StepHistory
from kerasnets.training.fit.trainer import Trainer
from kerasnets.training.position import run_phases
from kerasnets.training.setup.facts import is_pretrained, run_facts, run_loss
from kerasnets.training.setup.inputs import TrainingInputs


class Recording:
    """The callbacks of a recipe's [diagnostics], on the host that writes.

    Args:
        inputs: of the run.
        trainer: of the run.
        directory: of the run.
        history: of its epochs.

    Attributes:
        records: what they record.
        diagnosis: judges it.
        measuring: the callbacks that record, in the order they are called in.
        stateful: those with a state, by name.
    """

    def __init__(
        self, inputs: TrainingInputs, trainer: Trainer, *, directory: RunDirectory, history: EpochHistory
    ):
        self.records = RunRecords(
            directory,
            history,
            measure=trainer.objective.measure,
            facts=run_facts(inputs, trainer.model),
            outline=outline(trainer.model),
        )
        images, labels = _probe(inputs, inputs.recipe.diagnostics.probe_images)
        layers = _measuring_layers(inputs, self.records, images)
        self.diagnosis = RunDiagnosis(
            directory.findings_file,
            self.records,
            steps_per_epoch=inputs.steps_per_epoch,
            ends=[phase.end for phase in run_phases(inputs.recipe)],
            before=lambda: _before_training(inputs, trainer.model, probe=(images, labels)),
        )
        pictures = _pictures(inputs, directory, images) if inputs.recipe.diagnostics.pictures_every else []
        self.measuring = [StepHistory(trainer, self.records.steps), *layers.values(), *pictures]
        self.stateful: dict[str, Stateful] = {**layers, "diagnosis": self.diagnosis}


def went_back(step: int, factor: float) -> Finding:
    """Return the finding that a run diverged, and went back to its last checkpoint.

    Args:
        step: of the checkpoint.
        factor: on the learning rate from there on.
    """
    return Finding(
        rule="not_finite",
        step=step,
        ended=step,
        figures={"factor": factor},
        evidence=f"training diverged after step {step}",
        cause="the learning rate is too high for what followed",
        advice=f"the run went back to step {step} and goes on at {factor:g} times the rate: set a lower one",
    )


def _measuring_layers(
    inputs: TrainingInputs, records: RunRecords, images: np.ndarray
) -> dict[str, keras.callbacks.Callback]:
    """Return the callbacks that measure layers, by name."""
    settings, log = inputs.recipe.diagnostics, records.layers
    layers = settings.layers or None
    made = {
        "update_ratio": (settings.update_ratio_every, partial(UpdateRatio, log)),
        "activation_stats": (settings.activation_stats_every, partial(ActivationStats, log, images)),
        "gradient_stats": (settings.gradient_stats_every, partial(GradientStats, log)),
        "weight_stats": (settings.weight_stats_every, partial(WeightStats, log)),
    }
    return {name: make(every, layers=layers) for name, (every, make) in made.items() if every}


def _pictures(
    inputs: TrainingInputs, directory: RunDirectory, images: np.ndarray
) -> list[keras.callbacks.Callback]:
    """Return the callbacks that write pictures; a confusion matrix of classes alone."""
    every, dataset, folder = inputs.recipe.diagnostics.pictures_every, inputs.dataset, directory.pictures
    drawn: list[keras.callbacks.Callback] = [
        FilterPictures(folder, every=every, backwards=inputs.preprocessing.backwards),
        FeatureMaps(folder, images[:4], every=every),
    ]
    if dataset.validation is not None and not dataset.numeric:
        batches = evaluation_batches(
            dataset.validation,
            inputs.preprocessing,
            classes=len(dataset.classes),
            batch_size=inputs.recipe.train.evaluation_batch,
        )
        drawn.append(ConfusionMatrix(folder, batches, dataset.classes, every=every))
    return drawn


def _before_training(
    inputs: TrainingInputs, network: keras.Model, *, probe: tuple[np.ndarray, np.ndarray]
) -> Sequence[Finding]:
    recipe = inputs.recipe
    return static_findings(
        network,
        *probe,
        loss=run_loss(recipe),
        pretrained=is_pretrained(recipe),
        at_once=min(AT_ONCE, recipe.train.evaluation_batch),
    )


def _probe(inputs: TrainingInputs, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return evenly spaced training images as the network takes them, not augmented, and their labels."""
    split: Split = inputs.dataset.train
    chosen = split.at(np.linspace(0, len(split) - 1, min(count, len(split))).astype(int))
    batches = evaluation_batches(
        chosen, inputs.preprocessing, classes=len(inputs.dataset.classes), batch_size=len(chosen)
    )
    images, labels = zip(*(batch[:2] for batch in batches.as_numpy_iterator()), strict=True)
    return np.concatenate(images), np.concatenate(labels)
