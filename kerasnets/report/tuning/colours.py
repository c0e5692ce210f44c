"""What colours mean on the page of a search."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize, to_rgba

from kerasnets.report.drawing import COLOURS
from kerasnets.report.tuning.records import SearchRecords

NO_SCORE = "#7F7F7F"
"""Colour of trials without a score."""

BEST = "#0072B2"
_BY_SCORE = LinearSegmentedColormap.from_list("by_score", ["#D55E00", "#E69F00", "#56B4E9", BEST])
GROUND = LinearSegmentedColormap.from_list("ground", [to_rgba(BEST, 0.04), to_rgba(BEST, 0.8)])
"""From nearly transparent to blue, so that it can be read on white and on black."""

STATUS = {
    "done": "#0072B2",
    "stopped": "#56B4E9",
    "running": "#009E73",
    "diverged": "#E69F00",
    "failed": "#D55E00",
    "killed": "#CC79A7",
}
"""Colour of each of `kerasnets.runs.searches.trial_record.STATUSES`."""


def stage_colours(records: SearchRecords) -> dict[str, str]:
    """Return a colour for each stage that has a score."""
    scored = [stage for stage in records.stages if records.scored(stage)]
    return {stage: COLOURS[number % len(COLOURS)] for number, stage in enumerate(scored)}


def score_colours(records: SearchRecords) -> dict[str, tuple[float, ...]]:
    """Return a colour for each trial: from orange to blue by how its score ranks, grey without one."""
    scored = records.scored()
    ranks = _ranks([records.sign * (trial.score or 0.0) for trial in scored])
    by_trial = {trial.id: tuple(_BY_SCORE(rank)) for trial, rank in zip(scored, ranks, strict=True)}
    return {trial.id: by_trial.get(trial.id, to_rgba(NO_SCORE)) for trial in records.trials}


def draw_score_scale(axes: Axes) -> None:
    """Draw above the axes what the colours of trials mean."""
    inset = axes.inset_axes((0.0, 1.06, 0.42, 0.035))
    axes.figure.colorbar(ScalarMappable(Normalize(0, 1), _BY_SCORE), cax=inset, orientation="horizontal")
    inset.set_xticks([])
    inset.text(1.04, 0.5, "worst to best score", transform=inset.transAxes, va="center", fontsize=9)


def _ranks(numbers: Sequence[float]) -> np.ndarray:
    """Return where each number stands among all, 0 lowest to 1 highest; equal ones stand alike."""
    order = np.unique(numbers, return_inverse=True)[1]
    return order / order.max() if len(numbers) and order.max() else np.ones(len(numbers))
