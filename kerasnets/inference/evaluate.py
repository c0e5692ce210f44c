"""How good finished runs are, alone or as an ensemble."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from kerasnets.data.dataset import Split
from kerasnets.data.pipeline.batches import decoded_images, evaluation_batches
from kerasnets.data.pipeline.read import Reading
from kerasnets.errors import UserError
from kerasnets.files.tables import frame_text, frames_html
from kerasnets.inference.metrics import class_scores, cross_entropy, value_scores
from kerasnets.inference.run_splits import (
    WHERE_THE_RECIPE_SAYS,
    DataOptions,
    SharedSplits,
    load_shared_splits,
)
from kerasnets.inference.views import averaged_predictions
from kerasnets.judgement.judge import Judgement, judge
from kerasnets.losses import example_loss
from kerasnets.optimizers import decayed_variables
from kerasnets.runs.chosen_views import chosen_views
from kerasnets.runs.directory import RunDirectory
from kerasnets.runs.ensemble import open_runs
from kerasnets.runs.folding import as_graph
from kerasnets.runs.records.result import measures_text
from kerasnets.runs.trained_run import TrainedNetwork, TrainedRun
from kerasnets.weights.freezing import freeze


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """How good a finished run is on one of its splits, or an ensemble of several. It prints as a table.

    Attributes:
        run: the run directory; None of an ensemble.
        split: "train", "validation" or "test".
        images: how many were measured.
        views: what the network saw of each image, see `kerasnets.inference.views`.
        short_sides: pixels that the images' short sides were resized to; empty for the recipe's own
            preprocessing. Of an ensemble, those of all members.
        loss: what training minimizes, L2 regularization included; None of averaged views or runs.
        accuracy: share of images whose most probable class is the right one, 0 to 1.
        top5: share of images whose right class is among the five most probable; None of up to five classes.
        mean_absolute_error, mean_squared_error: of numeric targets; None of classes.
        cross_entropy: mean of -log of the right class's probability.
        classes: DataFrame of `class`, `images` and `accuracy`; None of numeric targets.
        targets: DataFrame of `target` and both errors; None of classes.
        changed_data: how the data has changed since the run was made, in one line; None where it has not.
        calibrated: whether probabilities were as `kerasnets calibrate` has set; of an ensemble, any run's.
        members: of an ensemble, the evaluation of each run alone.
        judgement: every table and number behind these; None of a member. As JSON its measures, each with the
            ends of its 95 % interval.
        page: path of the page that was written; None where none was.
    """

    run: str | None
    split: str
    images: int
    views: str
    short_sides: tuple[int, ...]
    loss: float | None = None
    accuracy: float | None = None
    top5: float | None = None
    mean_absolute_error: float | None = None
    mean_squared_error: float | None = None
    cross_entropy: float | None = None
    classes: pd.DataFrame | None = field(default=None, compare=False)
    targets: pd.DataFrame | None = field(default=None, compare=False)
    changed_data: str | None = None
    calibrated: bool = False
    members: tuple["Evaluation", ...] = ()
    judgement: Judgement | None = field(default=None, compare=False, repr=False)
    page: Path | None = field(default=None, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON can hold it: tables as lists of rows, members as they return it."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        tables = {
            name: None if table is None else table.to_dict("records")
            for name, table in (("classes", self.classes), ("targets", self.targets))
        }
        return (
            values
            | tables
            | {
                "short_sides": list(self.short_sides),
                "members": [member.to_dict() for member in self.members],
                "judgement": None if self.judgement is None else self.judgement.metrics_dict(),
                "page": None if self.page is None else str(self.page),
            }
        )

    def __str__(self) -> str:
        return "\n".join([*map(frame_text, self.tables()), *self.lines()])

    def _repr_html_(self) -> str:
        return frames_html(self.tables(), self.lines())

    @property
    def table(self) -> pd.DataFrame:
        """The measures by class, or by numeric target."""
        table = self.classes if self.classes is not None else self.targets
        return pd.DataFrame() if table is None else table

    def tables(self) -> list[pd.DataFrame]:
        """Return the measures by class or target, and those of all images with their 95 % intervals."""
        return [self.table, *([] if self.judgement is None else [self.judgement.metrics_table])]

    def about(self) -> dict[str, Any]:
        """Return what was measured, as metrics.json says it: split, runs, views and what has changed.

        `networks` are the digests of what each run predicts with; published weights are of no run.
        """
        runs = [member.run for member in self.members or (self,)]
        opened = [RunDirectory(run) for run in runs if run and Path(run).is_dir()]
        networks = [run.network_digest(calibrated=self.calibrated) for run in opened]
        return {
            "split": self.split,
            "runs": runs,
            "networks": networks,
            "views": self.views,
            "short_sides": list(self.short_sides),
            "changed_data": self.changed_data,
            "calibrated": self.calibrated,
        }

    def lines(self) -> list[str]:
        """Return the measures of each member in a line, and those of the whole."""
        whole = f"{len(self.members)} runs averaged: " if self.members else ""
        return [*(f"{member.run}: {member.line()}" for member in self.members), whole + self.line()]

    def line(self) -> str:
        """Return the measures in one line: "test accuracy 0.9731, loss 0.0921, 350 images"."""
        sides = f" at short side {', '.join(map(str, self.short_sides))}" if self.short_sides else ""
        seen = f", {self.views}{sides}" if self.views != "center" or sides else ""
        seen += ", calibrated" if self.calibrated else ""
        changed_data = f"; the data has changed: {self.changed_data}" if self.changed_data else ""
        return f"{self.split} {measures_text(vars(self))}{seen}{changed_data}"


@dataclass(frozen=True, kw_only=True)
class Predicted:
    """What a network predicts of a split.

    Attributes:
        predictions: float64 (N, classes): probabilities, or values of numeric targets.
        views: what the network saw of each image.
        short_sides: pixels; empty for the recipe's own preprocessing.
        loss: what training minimizes; None of averaged views.
    """

    predictions: np.ndarray
    views: str
    short_sides: tuple[int, ...]
    loss: float | None = None


def evaluate_runs(
    runs: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    split: str = "test",
    *,
    views: str | None = None,
    short_sides: Sequence[int] | None = None,
    data: DataOptions = WHERE_THE_RECIPE_SAYS,
    calibrated: bool = True,
) -> Evaluation:
    """Measure a finished run, or an ensemble of several; see `kerasnets.evaluate`."""
    members = open_runs(runs, "evaluate", calibrated=calibrated)
    shared = load_shared_splits(members, split, data)
    return evaluate_opened(members, split, shared, views=views, short_sides=short_sides)


def evaluate_opened(
    members: Sequence[TrainedRun],
    split: str,
    shared: SharedSplits,
    *,
    views: str | None = None,
    short_sides: Sequence[int] | None = None,
) -> Evaluation:
    """Measure finished runs that have been opened, on splits that have been loaded."""
    if split not in shared.splits:
        raise UserError(f"{members[0].directory}: split {split!r}, allowed: {', '.join(shared.splits)}")
    others = {name: each for name, each in shared.splits.items() if name != split}
    labels, alone = shared.splits[split].labels, []
    mean = np.zeros((), "float64")
    for trained, own, changes in zip(members, shared.own, shared.changes, strict=True):
        predicted = predict_split(trained, own, views=views, short_sides=short_sides)
        alone.append(
            Evaluation(
                run=str(trained.directory),
                split=split,
                views=predicted.views,
                short_sides=predicted.short_sides,
                loss=predicted.loss,
                changed_data=changes or None,
                calibrated=trained.calibration is not None,
                **scores(trained, predicted.predictions, labels),
            )
        )
        mean = mean + predicted.predictions / len(members)
    judgement = judge(
        mean,
        shared.splits[split],
        members[0].classes,
        others=others,
        workers=members[0].recipe.data.workers,
    )
    together = alone[0] if len(alone) == 1 else _of_ensemble(alone, scores(members[0], mean, labels))
    return replace(together, judgement=judgement)


def _of_ensemble(alone: Sequence[Evaluation], averaged: Mapping[str, Any]) -> Evaluation:
    """Return the evaluation of several runs as one.

    Args:
        alone: of each run.
        averaged: the scores of the mean of their predictions.
    """
    return Evaluation(
        run=None,
        split=alone[0].split,
        views=", ".join(dict.fromkeys(member.views for member in alone)),
        short_sides=tuple(sorted({side for member in alone for side in member.short_sides})),
        changed_data="; ".join(dict.fromkeys(each.changed_data for each in alone if each.changed_data))
        or None,
        calibrated=any(member.calibrated for member in alone),
        members=tuple(alone),
        **averaged,
    )


def predict_split(
    trained: TrainedNetwork, split: Split, *, views: str | None, short_sides: Sequence[int] | None
) -> Predicted:
    """Predict the images of a split as they are; or their views, where those or the recipe ask for views."""
    shown, sides = chosen_views(trained, views, short_sides)
    if not sides:
        outputs, losses = outputs_and_losses(trained, split)
        loss = float(losses.mean()) + _penalty(trained)
        # in float32 the least probable classes of a sure network would all have 0
        predictions = trained.activation(outputs, "float64").numpy()
        return Predicted(predictions=predictions, views=shown, short_sides=(), loss=loss)
    channels, workers = trained.preprocessing.output_shape[-1], trained.recipe.data.workers
    averaged = averaged_predictions(
        trained.network,
        trained.preprocessing,
        lambda: decoded_images(split, channels, workers=workers),
        views=shown,
        short_sides=sides,
        activation=trained.activation,
        at_once=trained.recipe.train.evaluation_batch,
    )
    predictions = averaged.astype("float64")
    return Predicted(predictions=predictions, views=shown, short_sides=tuple(sides))


def scores(trained: TrainedNetwork, predictions: np.ndarray, labels: np.ndarray) -> Mapping[str, Any]:
    """Return measures, images and the table of parts, by the names that `Evaluation` has for them."""
    if trained.numeric:
        return value_scores(predictions, labels, trained.classes)
    entropy = cross_entropy(predictions, labels)
    return class_scores(predictions, labels, trained.classes) | {"cross_entropy": entropy}


def _penalty(trained: TrainedNetwork) -> float:
    """Return what L2 regularization adds to a run's loss: l2/2 times the sum of the squared weights."""
    decay, network = trained.recipe.regularization, trained.network
    if not decay.l2:
        return 0.0
    if trained.recipe.model.freeze:
        freeze(network, trained.recipe.model.freeze)  # what is not trained is not decayed
    decayed = decayed_variables(network, biases=decay.biases, normalization=decay.normalization)
    squares = (np.square(keras.ops.convert_to_numpy(variable), dtype="float64").sum() for variable in decayed)
    return decay.l2 / 2 * float(sum(squares))


def outputs_and_losses(trained: TrainedNetwork, split: Split) -> tuple[tf.Tensor, np.ndarray]:
    """Return the network's outputs (N, classes) for a split's images, and the losses (N,)."""
    loss = example_loss(**trained.recipe.loss.options())
    outputs, losses = [], []
    images = tf.TensorSpec((None, *trained.preprocessing.output_shape))
    forward = as_graph(lambda images: trained.network(images, training=False), images)
    batches = evaluation_batches(
        split,
        trained.preprocessing,
        classes=len(trained.classes),
        batch_size=trained.recipe.train.evaluation_batch,
        reading=Reading(trained.recipe.data.workers),
    )
    for images, labels in batches:
        outputs.append(forward(images))
        losses.append(loss(labels, outputs[-1]))
    return tf.concat(outputs, 0), tf.concat(losses, 0).numpy()
