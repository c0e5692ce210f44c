"""Training against validation: overfitting, underfitting, labels, validation that differs.

How many validation images there are is not recorded. An accuracy is a whole number of them divided by how
many there are, so the smallest step between two different accuracies bounds their number from below.
"""

import math

import numpy as np

from kerasnets.diagnosis.finding import Finding
from kerasnets.diagnosis.records import Records
from kerasnets.diagnosis.series import chance_loss, column, digits, has_batchnorm, losses

GAP = 0.1
"""Accuracy by which validation falls behind training where it overfits; the same in AUTOTRAINER."""

FITTED = 0.95
"""Training accuracy of a training set that is nearly known by heart."""

LASTING = 2
"""Epochs in a row that show it."""

RISEN = 1.2
"""Validation loss against its best."""

POOR = 0.85
"""Part of the loss of chance that a training has kept: below it, classes may overlap as they do in nature."""

POOR_THROUGH_FEW = 1 / 3
"""The same where the last layer takes too few numbers for its classes."""

APART = 0.25
"""Accuracy by which validation falls behind from the second epoch on where its data differs."""

ABSURD = 2.0
"""Validation loss, in losses of chance, from the first epoch on: sure of what is wrong."""

FAR_FROM_CHANCE = 0.7
"""Training loss, as a part of that of chance, below which the network has learned its training data."""

SETTLED = 300
"""Steps after which moving averages of batch normalization (momentum 0.99) are 95 % those of the data."""


def overfitting(records: Records) -> list[Finding]:
    """Validation falls behind training by more than its noise, while training comes to know its examples."""
    accuracy, validation = column(records.epochs, "accuracy"), column(records.epochs, "val_accuracy")
    loss, val_loss = column(records.epochs, "loss"), column(records.epochs, "val_loss")
    if len(loss) < LASTING + 1 or validation_differs(records) or batchnorm_mode(records):
        return []
    gap = accuracy[-LASTING:] - validation[-LASTING:]
    noise = _noise(validation)
    behind = bool(np.all(gap > GAP + 2 * noise))
    risen = bool(np.all(val_loss[-LASTING:] > RISEN * np.nanmin(val_loss))) if _known(val_loss) else False
    falling = loss[-1] < loss[int(np.nanargmin(val_loss))] if _known(val_loss) and _known(loss) else False
    fitted = bool(np.all(accuracy[-LASTING:] > FITTED))
    if np.isfinite(gap).all():
        found = behind and (fitted or (risen and falling))
    else:
        found = risen and falling and bool(np.all(val_loss[-LASTING:] > 2 * loss[-LASTING:]))
    if not found:
        return []
    seen = (
        f"training accuracy {accuracy[-1]:.3f}, validation {validation[-1]:.3f} after epoch {len(loss)}"
        if np.isfinite(gap).all()
        else f"validation loss {digits(val_loss[-1])}, at best {digits(np.nanmin(val_loss))}, training loss "
        f"{digits(loss[-1])}"
    )
    best = int(np.nanargmin(val_loss)) + 1 if _known(val_loss) else len(loss)
    return [
        Finding(
            rule="overfitting",
            step=records.step,
            figures={
                "training": float(accuracy[-1]),
                "validation": float(validation[-1]),
                "best_epoch": best,
            },
            evidence=seen,
            cause="the network learns its training examples by heart",
            advice=_regularize(records, best),
        )
    ]


def _regularize(records: Records, best: int) -> str:
    facts = records.facts
    absent = [
        advice
        for present, advice in (
            (facts.augmented, "augmentation"),
            (facts.l2, "L2 of 1e-4"),
            (facts.dropout, "dropout of 0.5 before the last layer"),
        )
        if present is False
    ]
    few = facts.training_examples
    data = f", more data than {few:,} examples" if few is not None and few < 10_000 else ""
    tried = (
        f"add {', '.join(absent)}" if absent else "strengthen the regularization, or use a smaller network"
    )
    return f"{tried}{data}, or stop after epoch {best}, where validation loss was lowest"


def underfitting(records: Records) -> list[Finding]:
    """Training has settled, at its full rate, at a loss not far from that of chance.

    A loss further from it is poor too where the last layer takes fewer numbers than any probabilities of the
    classes need, one less than there are classes (Yang et al. 2018, section 2).
    """
    facts, chance = records.facts, chance_loss(records)
    loss, rate = column(records.epochs, "loss"), losses(records).rate
    if chance is None or len(loss) < 10 or not _known(loss) or facts.mixing or facts.label_smoothing:
        return []
    half = loss[len(loss) // 2 :]
    settled = np.mean(half[: len(half) // 2]) - np.mean(half[len(half) // 2 :]) < 0.01 * chance
    lowered = len(rate) and rate[-1] < 0.5 * rate.max()
    # at chance, a fault of another kind is likelier than regularization, where there is none
    most = 1.5 if facts.dropout or facts.l2 else 0.95
    taken = _numbers_taken(records)
    few = taken is not None and facts.classes is not None and taken < facts.classes - 1
    if few and not settled:
        fifth = len(loss) // 5
        settled = np.mean(loss[-fifth:]) > 0.9 * np.mean(loss[-2 * fifth : -fifth])
    poor = (POOR_THROUGH_FEW if few else POOR) * chance
    if not settled or lowered or not poor < loss[-1] < most * chance:
        return []
    if few:
        return [_too_narrow(records, float(loss[-1]), taken or 0)]
    return [
        Finding(
            rule="underfitting",
            step=records.step,
            figures={"loss": float(loss[-1]), "chance": chance},
            evidence=f"training loss {digits(loss[-1])} has not fallen since epoch {len(loss) // 2}, "
            f"ln(classes) is {chance:.3f}",
            cause="the network is too small, too strongly regularized, or its learning rate too high",
            advice="lower the learning rate ten times; if that does not help, double the width and halve "
            "dropout and L2",
        )
    ]


def _numbers_taken(records: Records) -> int | None:
    """Return how many numbers the last dense layer takes; None where there is none."""
    kernels = [layer.kernel for layer in records.outline if layer.kind == "Dense" and layer.kernel]
    return kernels[-1][0] if kernels else None


def _too_narrow(records: Records, loss: float, taken: int) -> Finding:
    classes = records.facts.classes or 0
    return Finding(
        rule="underfitting",
        step=records.step,
        figures={"loss": loss, "numbers": taken, "classes": classes},
        evidence=f"training loss {digits(loss)} hardly falls, and the last layer takes {taken} numbers "
        f"for {classes} classes",
        cause="so few numbers cannot hold the probabilities of all classes",
        advice=f"give the layer before the last {max(4 * classes, 32)} units",
    )


def validation_differs(records: Records) -> list[Finding]:
    """Validation is far behind training from the second epoch on: overfitting takes its time."""
    if has_batchnorm(records) or len(records.epochs) <= LASTING:
        return []
    return _apart(records, "validation_differs")


def batchnorm_mode(records: Records) -> list[Finding]:
    """The same with batch normalization, whose moving averages had time to settle."""
    if not has_batchnorm(records) or records.step < SETTLED or len(records.epochs) < 2 * LASTING:
        return []
    return _apart(records, "batchnorm_mode")


CAUSES = {
    "validation_differs": (
        "validation data is scaled, ordered or labelled unlike the training data",
        "prepare both by one function; then evaluate on training examples: it must give their accuracy",
    ),
    "batchnorm_mode": (
        "batch normalization's moving averages do not stand for the data, or validation data differs",
        "evaluate on training examples: if they fail too, use momentum 0.9 and batches of 16 or more; "
        "if not, prepare validation data as training data",
    ),
}


def _apart(records: Records, rule: str) -> list[Finding]:
    accuracy, validation = column(records.epochs, "accuracy"), column(records.epochs, "val_accuracy")
    loss, val_loss = column(records.epochs, "loss"), column(records.epochs, "val_loss")
    chance = chance_loss(records)
    if chance is None or not loss[-1] < FAR_FROM_CHANCE * chance:
        return []
    # the first epoch's training is a mean over what was not learned yet
    behind = np.all((accuracy - validation)[1:] > APART) and np.all((val_loss > 2 * loss)[1:])
    absurd = np.all(val_loss > ABSURD * np.maximum(loss, chance))
    if not (behind or absurd):
        return []
    cause, advice = CAUSES[rule]
    return [
        Finding(
            rule=rule,
            step=records.step,
            figures={"training": float(accuracy[-1]), "validation": float(validation[-1])},
            evidence=f"validation accuracy {validation[-1]:.3f} and loss {digits(val_loss[-1])}, training "
            f"accuracy {accuracy[-1]:.3f} after epoch {len(accuracy)}",
            cause=cause,
            advice=advice,
        )
    ]


def label_noise(records: Records) -> list[Finding]:
    """Validation was better than training, three epochs in a row, although nothing makes training harder.

    Wrong labels among the training examples alone do this, until they are learned by heart; so does a
    validation set that is easier. It is not judged where dropout, augmentation or mixing explain it.
    """
    facts = records.facts
    harder = facts.mixing or facts.dropout is not False or facts.augmented is not False
    accuracy, validation = column(records.epochs, "accuracy"), column(records.epochs, "val_accuracy")
    if harder or len(accuracy) < 4:
        return []
    # an epoch's accuracy is a mean over it: the next one's says what it had reached at its end
    ahead = validation[:-1] - accuracy[1:] > GAP + 2 * _noise(validation)
    three = ahead[:-2] & ahead[1:-1] & ahead[2:]
    if not three.any():
        return []
    at = int(np.argmax(three)) + 2
    return [
        Finding(
            rule="label_noise",
            step=records.step,
            figures={
                "training": float(accuracy[at + 1]),
                "validation": float(validation[at]),
                "epoch": at + 1,
            },
            evidence=f"validation accuracy {validation[at]:.3f} after epoch {at + 1}, training "
            f"{accuracy[at + 1]:.3f} in the next",
            cause="a part of the training labels is probably wrong, or validation examples are easier",
            advice=f"look at the training examples of highest loss: {1 - accuracy[at + 1]:.0%} do not fit",
        )
    ]


def _noise(accuracy: np.ndarray) -> float:
    """Return the standard error of the newest accuracy, from as few images as its history allows."""
    known = np.unique(accuracy[np.isfinite(accuracy)])
    steps = np.diff(known)
    steps = steps[steps > 1e-6]
    if not len(known):
        return 0.0
    images = max(1 / steps.min(), 1.0) if len(steps) else 100.0
    share = min(max(accuracy[-1], 1 / (images + 2)), 1 - 1 / (images + 2))
    return math.sqrt(share * (1 - share) / images)


def _known(values: np.ndarray) -> bool:
    return len(values) > 0 and bool(np.isfinite(values).all())
