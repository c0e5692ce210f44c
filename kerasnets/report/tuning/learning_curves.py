"""Learning curves of all trials, training and validation."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from kerasnets.report.drawing import new_figure, set_calm_limits
from kerasnets.report.section import Picture, Section
from kerasnets.report.sections.curves import thinned
from kerasnets.report.tuning.colours import draw_score_scale, score_colours
from kerasnets.report.tuning.records import SearchRecords
from kerasnets.runs.records.result import MEASURES

MEASURED = ("loss", "accuracy", "mean_absolute_error")

MOST_WITH_MARKERS = 20
"""Trials up to which each epoch has a marker."""


def curve_sections(records: SearchRecords) -> list[Section]:
    """Return the section of learning curves; none before an epoch of a trial has ended."""
    recorded = {name for history in records.histories.values() if len(history) for name in history}
    pictures = tuple(
        Picture(f"curves-{name}", f"{MEASURES[measure].capitalize()} of {split}", _curves(records, name))
        for measure in MEASURED
        for split, name in (("training", measure), ("validation", f"val_{measure}"))
        if name in recorded
    )
    if not pictures:
        return []
    caption = (
        "A line a trial, orange to blue from worst to best score, grey without one. Training accuracy is a "
        "mean over the epoch, with augmentation and dropout."
    )
    return [Section(anchor="curves", title="Learning curves", caption=caption, pictures=pictures)]


def _curves(records: SearchRecords, name: str) -> Figure:
    figure = new_figure(240)
    axes = figure.subplots()
    colours, drawn = score_colours(records), [np.empty(0)]
    worst_first = sorted(
        records.trials, key=lambda trial: -np.inf if trial.score is None else records.sign * trial.score
    )
    for trial in worst_first:
        history = records.histories[trial.id]
        if name in history and len(history):
            x, y = thinned(history.epoch, history[name])
            marker = "." if len(y) == 1 or len(records.trials) <= MOST_WITH_MARKERS else ""
            axes.plot(x, y, color=colours[trial.id], marker=marker, markersize=3, linewidth=1)
            drawn.append(y)
    set_calm_limits(axes, np.concatenate(drawn))
    axes.set(xlabel="epoch", ylabel=name.replace("_", " "))
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    draw_score_scale(axes)
    return figure
