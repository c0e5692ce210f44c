"""Predictions judged: every table and number that `evaluate` keeps, from predictions and labels alone."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from kerasnets.data.dataset import Split
from kerasnets.data.thumbnails import sizes_and_brightness
from kerasnets.files.tables import texts
from kerasnets.judgement.by_class import class_table, confusion_table
from kerasnets.judgement.copies import Copy, copies_elsewhere
from kerasnets.judgement.intervals import Metric
from kerasnets.judgement.outcomes import NAMES, Outcomes, class_metrics, outcomes_of
from kerasnets.judgement.suspects import Suspects, suspected_labels
from kerasnets.judgement.values import target_table, value_metrics


@dataclass(frozen=True, kw_only=True, eq=False)
class Judgement:
    """What is kept of any predictions.

    Attributes:
        split: the images that were predicted, with their labels.
        classes: class names; of numeric targets, the targets' names.
        predictions: float64 (N, classes): probabilities, or values of numeric targets.
        metrics: the measures by name, see `kerasnets.judgement.outcomes`, each with its 95 % interval.
        images: images.csv, a row an image.
        others: the data's other splits by name.
        copies: the images that another split has too.
    """

    split: Split
    classes: tuple[str, ...]
    predictions: np.ndarray
    metrics: Mapping[str, Metric]
    images: pd.DataFrame
    others: Mapping[str, Split]
    copies: tuple[Copy, ...]

    @property
    def numeric(self) -> bool:
        """Whether numbers were predicted, in place of classes."""
        return self.split.numeric

    def metrics_dict(self) -> dict[str, dict[str, float]]:
        """Return the measures as JSON can hold them: by name `value`, `low` and `high`."""
        return {name: asdict(each) for name, each in self.metrics.items()}

    @property
    def metrics_table(self) -> pd.DataFrame:
        """The measures for people: `measure`, `value`, and the ends of its interval."""
        rows = [(NAMES[name], each.value, each.low, each.high) for name, each in self.metrics.items()]
        return pd.DataFrame(rows, columns=["measure", "value", "95 % low", "95 % high"])


@dataclass(frozen=True, kw_only=True, eq=False)
class ClassJudgement(Judgement):
    """Predicted classes judged.

    Attributes:
        outcomes: what became of each image.
        by_class: classes.csv, a row a class, see `kerasnets.judgement.by_class`.
        confusion: confusion.csv, a row a pair of classes that occurs.
        suspects: images whose label is probably wrong.
    """

    outcomes: Outcomes
    by_class: pd.DataFrame
    confusion: pd.DataFrame
    suspects: Suspects


@dataclass(frozen=True, kw_only=True, eq=False)
class ValueJudgement(Judgement):
    """Predicted numbers judged.

    Attributes:
        by_target: targets.csv, a row a target: its errors and R².
    """

    by_target: pd.DataFrame


def judge(
    predictions: np.ndarray,
    split: Split,
    classes: Sequence[str],
    *,
    others: Mapping[str, Split] | None = None,
    workers: int = 2,
) -> ClassJudgement | ValueJudgement:
    """Judge predictions.

    Args:
        predictions: float64 (N, classes): probabilities, or values of numeric targets.
        split: the N images with their labels; it need not be audited.
        classes: class names; of numeric targets, the targets' names.
        others: the data's other splits by name, audited, in which copies are looked for.
        workers: threads that read the images' sizes and brightness.
    """
    others = others or {}
    width, height, brightness = sizes_and_brightness(split.images, workers)
    shared = {
        "split": split,
        "classes": tuple(classes),
        "predictions": predictions,
        "others": others,
        "copies": tuple(copies_elsewhere(split, others)) if others else (),
    }
    facts = pd.DataFrame({"width": width, "height": height, "brightness": brightness.round(4)})
    return _judged_values(facts, **shared) if split.numeric else _judged_classes(facts, **shared)


def _judged_classes(facts: pd.DataFrame, **shared: Any) -> ClassJudgement:
    probabilities, labels, classes = shared["predictions"], shared["split"].labels, shared["classes"]
    outcomes = outcomes_of(probabilities, labels)
    predicted = outcomes.ranked[:, 0]
    return ClassJudgement(
        **shared,
        outcomes=outcomes,
        metrics=class_metrics(outcomes),
        images=pd.concat([_outcome_table(names_of(shared["split"]), outcomes, classes), facts], axis=1),
        by_class=class_table(probabilities, labels, predicted, classes=classes),
        confusion=confusion_table(labels, predicted, classes),
        suspects=suspected_labels(probabilities, labels),
    )


def _outcome_table(names: np.ndarray, outcomes: Outcomes, classes: Sequence[str]) -> pd.DataFrame:
    """Return a row an image: its name, class, most probable classes with their probabilities, and loss."""
    named, ranks = np.array(classes, object), range(outcomes.ranked.shape[1])
    return pd.DataFrame(
        {
            "image": texts(names),
            "truth": texts(named[outcomes.labels]),
            **{f"predicted_{rank + 1}": texts(named[outcomes.ranked[:, rank]]) for rank in ranks},
            **{f"probability_{rank + 1}": outcomes.best[:, rank] for rank in ranks},
            "loss": outcomes.losses,
        }
    )


def _judged_values(facts: pd.DataFrame, **shared: Any) -> ValueJudgement:
    values, labels = shared["predictions"], shared["split"].labels.astype("float64")
    names = names_of(shared["split"])
    pairs: dict[str, np.ndarray] = {}
    for number, target in enumerate(shared["classes"]):
        pairs |= {f"truth_{target}": labels[:, number], f"predicted_{target}": values[:, number]}
    return ValueJudgement(
        **shared,
        metrics=value_metrics(values, labels),
        images=pd.concat([pd.DataFrame({"image": texts(names), **pairs}), facts], axis=1),
        by_target=target_table(values, labels, shared["classes"]),
    )


def names_of(split: Split) -> np.ndarray:
    """Return the images' names as a run's list of images has them; their numbers where none are known."""
    if split.identities is not None:
        return split.identities.names
    return np.array([f"image {number}" for number in range(len(split))], object)
