"""How good predictions are class by class, and which classes are taken for which."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score, precision_recall_fscore_support, roc_auc_score

from kerasnets.files.tables import texts


def class_table(
    probabilities: np.ndarray, labels: np.ndarray, predicted: np.ndarray, *, classes: Sequence[str]
) -> pd.DataFrame:
    """Return a row a class, computed by scikit-learn.

    Args:
        probabilities: float64 (N, classes).
        labels: int64 (N,).
        predicted: int64 (N,), the most probable classes.
        classes: their names.

    Returns:
        DataFrame of `class`, `images`, `precision`, `recall`, `f1`; `auc`, the area under the ROC curve of
        the class's probability, and `average_precision`. NaN where there is nothing to divide by: precision
        of a class that nothing was taken for, the others of a class without images, AUC of a class that all
        images are of.
    """
    numbers = range(len(classes))
    precision, recall, f1, support = precision_recall_fscore_support(
        labels, predicted, labels=list(numbers), zero_division=np.nan
    )
    areas = [_areas(labels == number, probabilities[:, number]) for number in numbers]
    return pd.DataFrame(
        {
            "class": texts(np.array(list(classes), object)),
            "images": support.astype("int64"),
            "precision": precision,
            "recall": recall,
            "f1": f1,
            "auc": [auc for auc, _ in areas],
            "average_precision": [area for _, area in areas],
        }
    )


def _areas(of_class: np.ndarray, scores: np.ndarray) -> tuple[float, float]:
    """Return the area under the ROC curve, and the average precision."""
    if not of_class.any():
        return float("nan"), float("nan")
    auc = float("nan") if of_class.all() else float(roc_auc_score(of_class, scores))
    return auc, float(average_precision_score(of_class, scores))


def confusion_table(labels: np.ndarray, predicted: np.ndarray, classes: Sequence[str]) -> pd.DataFrame:
    """Return a row for each pair of classes that occurs: `truth`, `predicted` and `images`."""
    pairs, counts = np.unique(labels * len(classes) + predicted, return_counts=True)
    names = np.array(list(classes), object)
    return pd.DataFrame(
        {
            "truth": texts(names[pairs // len(classes)]),
            "predicted": texts(names[pairs % len(classes)]),
            "images": counts,
        }
    )
