"""A finished run calibrated on images that it was not fitted to."""

import logging
import os
from dataclasses import dataclass

import numpy as np
from scipy.special import softmax

from kerasnets.calibration.temperature import fit_temperature
from kerasnets.calibration.threshold import choose_threshold
from kerasnets.catalog.labels import UNKNOWN
from kerasnets.data.dataset import Split
from kerasnets.errors import UserError
from kerasnets.files.whole_files import check_writable
from kerasnets.inference.evaluate import outputs_and_losses
from kerasnets.inference.run_splits import DataOptions, load_run_splits
from kerasnets.judgement.intervals import Metric
from kerasnets.judgement.outcomes import class_metrics, outcomes_of
from kerasnets.runs.ensemble import open_runs
from kerasnets.runs.records.calibration import Calibration
from kerasnets.runs.trained_run import TrainedRun

log = logging.getLogger("kerasnets")

SPLITS = ("validation", "test")
"""Those that a run is not fitted to: on its training images every network is too sure."""


@dataclass(frozen=True, kw_only=True)
class CalibrationResult:
    """How a run was calibrated, and what it comes to on the images that it was calibrated on.

    Attributes:
        run: the run directory.
        calibration: what was kept with the run.
        accuracy: share of the images whose most probable class is the right one, 0 to 1; a temperature does
            not change it.
        calibration_error: expected calibration error before and after, 0 to 1, see
            `kerasnets.judgement.outcomes`.
        log_loss: mean of -log of the right class's probability, before and after.
        answered: share of the images that are not "unknown", 0 to 1.
        answers_right: share of these answers that are right, 0 to 1.
    """

    run: str
    calibration: Calibration
    accuracy: float
    calibration_error: tuple[Metric, Metric]
    log_loss: tuple[Metric, Metric]
    answered: float
    answers_right: float

    def __str__(self) -> str:
        kept = self.calibration
        lines = [
            f"temperature {kept.temperature:.4f}, from {kept.images:,} images of {kept.split}, "
            f"of which {self.accuracy:.4f} are right",
            "calibration error (ECE) {} before, {} after".format(*self.calibration_error),
            "log loss {} before, {} after".format(*self.log_loss),
        ]
        if kept.threshold is not None:
            lines.append(
                f'"{UNKNOWN}" below {kept.threshold:.4f}: {self.answered:.1%} of the images are answered, '
                f"{self.answers_right:.4f} of the answers are right (wanted {kept.precision})"
            )
        return "\n".join(lines)


def calibrate_run(
    run: str | os.PathLike[str], *, precision: float, split: str, data: DataOptions
) -> CalibrationResult:
    """Calibrate a finished run and keep that with it; see `kerasnets.calibrate`."""
    if split not in SPLITS:
        raise UserError(
            f"calibrate: split {split!r}, allowed: {', '.join(SPLITS)}, which no run is fitted to"
        )
    if not 0 <= precision < 1:
        raise UserError(f"calibrate: precision: found {precision}, allowed: from 0 to below 1")
    (trained,) = open_runs(run, "calibrate", calibrated=False)
    _check(trained, precision)
    images = _images(trained, split, data)
    logits = np.asarray(outputs_and_losses(trained, images)[0], "float64")
    try:
        result = _calibrated(trained, logits, images.labels, split=split, precision=precision)
    except UserError as error:
        raise UserError(f"{trained.directory}: {split}: {error}") from None
    result.calibration.write(trained.directory.calibration_file)
    return result


def _check(trained: TrainedRun, precision: float) -> None:
    """Raise UserError unless a run can be calibrated."""
    directory = trained.directory
    if trained.numeric:
        raise UserError(f"{directory}: found numeric targets, allowed: classes, which have probabilities")
    if precision and UNKNOWN in trained.classes:
        raise UserError(
            f"{directory}: found a class named {UNKNOWN!r}, allowed: --precision 0, which answers so for no "
            "other image"
        )
    check_writable(directory.path, "the calibration")


def _images(trained: TrainedRun, split: str, data: DataOptions) -> Split:
    splits, changes = load_run_splits(trained, data)
    if split not in splits:
        others = [f"--split {name}" for name in SPLITS if name in splits]
        raise UserError(
            f"{trained.directory}: found no {split} images, allowed: "
            f"{' or '.join([*others, 'a run that sets some apart (data.validation = 0.1)'])}"
        )
    if changes:
        log.warning("%s: calibrated on changed data: %s", trained.directory, changes)
    return splits[split]


def _calibrated(
    trained: TrainedRun, logits: np.ndarray, labels: np.ndarray, *, split: str, precision: float
) -> CalibrationResult:
    """Return what calibrates a run whose logits for a split, float64 (N, classes), are known."""
    temperature = fit_temperature(logits, labels)
    before, after = softmax(logits, axis=1), softmax(logits / temperature, axis=1)
    right = after.argmax(axis=1) == labels
    measured = [class_metrics(outcomes_of(each, labels)) for each in (before, after)]
    chosen = choose_threshold(after.max(axis=1), right, precision)
    return CalibrationResult(
        run=str(trained.directory),
        calibration=Calibration(
            temperature=temperature,
            threshold=chosen.value if precision else None,
            precision=precision or None,
            split=split,
            images=len(labels),
        ),
        accuracy=float(right.mean()),
        calibration_error=(measured[0]["ece"], measured[1]["ece"]),
        log_loss=(measured[0]["log_loss"], measured[1]["log_loss"]),
        answered=chosen.answered,
        answers_right=chosen.precision,
    )
