"""How good predictions are, against the labels."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from kerasnets.files.tables import texts


def cross_entropy(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Return the mean of -log p over the examples, p the probability of the right class.

    Args:
        probabilities: float64 (N, classes); what float32 cannot hold counts as its smallest number.
        labels: int64 (N,).
    """
    right = probabilities[np.arange(len(labels)), labels]
    return -float(np.log(np.maximum(right, np.finfo("float32").tiny)).mean())


def class_scores(probabilities: np.ndarray, labels: np.ndarray, classes: Sequence[str]) -> dict[str, Any]:
    """Return how often the right class is the most probable one, or among the five most probable.

    Args:
        probabilities: (N, classes).
        labels: int64 (N,).
        classes: class names.

    Returns:
        `accuracy`, 0 to 1; `top5`, None of up to five classes; `images`; and `classes`: a DataFrame of
        images and accuracy by class, without classes that no image has.
    """
    ranked = np.argsort(-probabilities, axis=1, kind="stable")[:, :5] == labels[:, None]
    right = ranked[:, 0]
    images = np.bincount(labels, minlength=len(classes))
    there = np.flatnonzero(images)
    by_class = {
        "class": texts(np.array(classes, object)[there]),
        "images": images[there],
        "accuracy": np.bincount(labels, right, len(classes))[there] / images[there],
    }
    return {
        "accuracy": float(right.mean()),
        "top5": float(ranked.any(1).mean()) if len(classes) > 5 else None,
        "images": len(right),
        "classes": pd.DataFrame(by_class),
    }


def value_scores(values: np.ndarray, labels: np.ndarray, targets: Sequence[str]) -> dict[str, Any]:
    """Return how far predicted numbers are from the right ones.

    Args:
        values: (N, targets).
        labels: float32 (N, targets).
        targets: their names.

    Returns:
        `mean_absolute_error`, `mean_squared_error`, `images`, and `targets`: a DataFrame of both errors by
        target.
    """
    errors = values - labels.astype("float64")
    by_target = {
        "mean_absolute_error": np.abs(errors).mean(0),
        "mean_squared_error": np.square(errors).mean(0),
    }
    return {
        **{name: float(error.mean()) for name, error in by_target.items()},
        "images": len(errors),
        "targets": pd.DataFrame({"target": targets, **by_target}),
    }
