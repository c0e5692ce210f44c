"""Score against the values of each key: all seeds of all trials, and the key's effect by itself."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kerasnets.recipe import Recipe
from kerasnets.report.drawing import new_figure, set_calm_limits
from kerasnets.report.section import Picture, Section
from kerasnets.report.sections.curves import draw_legend
from kerasnets.report.tuning.axes import KeyAxis
from kerasnets.report.tuning.colours import NO_SCORE, stage_colours
from kerasnets.report.tuning.records import SearchRecords
from kerasnets.runs.searches.trial_record import TrialRecord


def score_sections(records: SearchRecords) -> list[Section]:
    """Return the section of the score against each searched key; none before a trial has begun."""
    if not records.trials or not records.axes:
        return []
    one = len(records.axes) == 1
    pictures = tuple(
        Picture(f"score-{number}", f"Score against {axis.label}", _against(records, axis, means=one))
        for number, axis in enumerate(records.axes)
    )
    caption = f"The score is {records.search.objective}. A dot a training, one for each seed"
    caption += "; lines join the means over seeds. " if one else ". "
    caption += (
        "Crosses at the edge: trials that ended without a score. Dotted: the value that the recipe has."
    )
    if any(trial.stage == "short" for trial in records.trials):
        caption += (
            " Trainings are compared with their neighbours: where the curve through the short ones is best,"
            " and half a step to each side, is trained in full, and then where the curve through these is."
        )
    return [Section(anchor="scores", title="Score by value", caption=caption, pictures=pictures)]


def _against(records: SearchRecords, axis: KeyAxis, *, means: bool) -> Figure:
    figure = new_figure(250)
    axes = figure.subplots()
    for stage, color in stage_colours(records).items():
        trials = records.scored(stage)
        x = axis.numbers(trial.values.get(axis.key) for trial in trials)
        y = np.array([trial.score for trial in trials], float)
        axes.plot(x, y, "o", color=color, markersize=4, alpha=0.75, markeredgewidth=0, label=stage)
        if means and not axis.choices:
            axes.plot(*_means(x, y), color=color, linewidth=1)
    _draw_without_score(axes, axis, records.trials)
    _draw_recipes_value(axes, axis, records.recipe)
    set_calm_limits(axes, np.array([trial.score for trial in records.scored()], float))
    if not records.scored():
        axes.set_yticks([])
    axis.draw_on(axes.xaxis)
    axes.set(xlabel=axis.label, ylabel=records.search.objective)
    draw_legend(axes)
    return figure


def _means(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean of the scores at each value, the values rising."""
    values = np.unique(x[np.isfinite(x)])
    return values, np.array([y[x == value].mean() for value in values])


def _draw_without_score(axes: Axes, axis: KeyAxis, trials: Sequence[TrialRecord]) -> None:
    """Draw a cross at the lower edge for each trial that ended without a score."""
    lost = [trial for trial in trials if trial.score is None and not trial.running]
    x = axis.numbers(trial.values[axis.key] for trial in lost if axis.key in trial.values)
    if len(x):
        place = axes.get_xaxis_transform()
        axes.plot(
            x, np.full(len(x), 0.02), "x", color=NO_SCORE, markersize=5, transform=place, label="no score"
        )


def _draw_recipes_value(axes: Axes, axis: KeyAxis, recipe: Recipe) -> None:
    """Draw where the recipe's own value lies, if it does on this axis."""
    value = value_of(recipe, axis.key)
    try:
        place = float(axis.numbers([value])[0])
    except (KeyError, TypeError, ValueError):
        return
    low, high = axis.at_margin(0.25)
    if low <= place <= high:
        axes.axvline(place, linestyle=":", linewidth=1.2, color=NO_SCORE, label="recipe")


def value_of(recipe: Recipe, key: str) -> object:
    """Return the value that a recipe has of a dotted key; None where it has no such key."""
    found: object = recipe.model_dump()
    for part in key.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found
