"""What a model is fed with: whether inputs differ, and on which scale they are."""

from collections.abc import Iterator

import keras
import numpy as np

from kerasnets.diagnosis.checks.subject import Subject, UnseenError
from kerasnets.diagnosis.finding import Finding

RAW = 10.0
"""Root mean square from which numbers that are never negative are raw pixels, or as good as."""

LARGEST, SMALLEST = 300.0, 3e-3
"""Root mean squares of centred inputs with which networks have been trained: 60 to 75 in Caffe's days."""

OFFSET = 10.0
"""Means of more than so many standard deviations leave hardly anything but the mean."""


def not_finite(subject: Subject) -> Iterator[Finding]:
    """Find inputs that hold NaN or infinity: the loss of their batch does too."""
    broken = int(np.sum(~np.isfinite(_examples(subject))))
    if broken:
        yield Finding(
            rule="not_finite",
            figures={"numbers": broken},
            evidence=f"{broken:,} numbers of the inputs are NaN or infinite",
            cause="one of them makes the loss and all weights NaN",
            advice="leave these examples out, or put numbers in their place: numpy.nan_to_num(x)",
        )


def constant_input(subject: Subject) -> Iterator[Finding]:
    """Find inputs that are all alike: nothing can be learned from them."""
    examples = _examples(subject)
    if len(examples) > 1 and bool(np.all(examples == examples[:1])):
        value = float(examples.ravel()[0])
        alike = bool(np.all(examples == value))
        yield Finding(
            rule="constant_input",
            figures={"examples": len(examples)},
            evidence=f"all {len(examples)} examples looked at are the same"
            + (f", {value:g} everywhere" if alike else ""),
            cause="they were overwritten, scaled to nothing, or read from one file",
            advice="look at x before it reaches fit: x.std(axis=0) should be above 0",
        )


def unnormalized_input(subject: Subject) -> Iterator[Finding]:
    """Find inputs far from zero mean and unit scale, where they reach the first layer with weights.

    What layers before it do (Rescaling, Normalization) is counted; a normalization that comes first, and an
    embedding of numbers of words, take anything. Silent where inputs are centred and of any scale that
    published trainings had, or lie between 0 and 1.
    """
    values = _first_values(subject)
    if values is None or not np.all(np.isfinite(values)) or values.min() == values.max():
        return  # the other checks' business
    mean, std = float(values.mean()), float(values.std())
    size = float(np.sqrt(np.mean(np.square(values, dtype="float64"))))
    figures = {"mean": mean, "std": std}
    measured = f"inputs have mean {mean:.3g} and standard deviation {std:.3g}"
    if values.min() >= 0 and size > RAW:
        yield _unnormalized(
            figures,
            evidence=f"{measured}, from {values.min():.3g} to {values.max():.3g}",
            cause="these are raw numbers, all of one sign and large",
            advice=f"feed (x - {mean:.3g}) / {std:.3g}"
            + (", or at least x / 255" if 128 <= values.max() <= 255 else ""),
        )
    elif size > LARGEST or size < SMALLEST:
        yield _unnormalized(
            figures,
            evidence=measured,
            cause=f"they are {'large' if size > LARGEST else 'small'}: usual is about 1"
            + (", and x / 255 was perhaps done twice" if 0 < size < SMALLEST else ""),
            advice=f"feed (x {-mean:+.3g}) / {std:.3g}",
        )
    elif abs(mean) > OFFSET * std:
        yield _unnormalized(
            figures,
            evidence=measured,
            cause="the mean drowns what differs between examples",
            advice=f"feed (x {-mean:+.3g}) / {std:.3g}",
        )


def _unnormalized(figures: dict[str, float], *, evidence: str, cause: str, advice: str) -> Finding:
    return Finding(rule="unnormalized_input", figures=figures, evidence=evidence, cause=cause, advice=advice)


def _first_values(subject: Subject) -> np.ndarray | None:
    """Return what the first layer with weights takes; None where it takes anything."""
    if subject.images is None:
        raise UnseenError("no examples were given")
    first = next((call.layer for call in subject.traced.calls if getattr(call.layer, "weights", None)), None)
    if isinstance(first, (keras.layers.BatchNormalization, keras.layers.LayerNormalization)):
        return None
    if isinstance(first, (keras.layers.Embedding, keras.layers.GroupNormalization)):
        return None
    return subject.traced.first_inputs


def _examples(subject: Subject) -> np.ndarray:
    images = subject.images
    if images is None or not images.size:
        raise UnseenError("no examples were given")
    if not np.issubdtype(images.dtype, np.number):
        raise UnseenError("the inputs are no numbers")
    return images
