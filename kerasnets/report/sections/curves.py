"""Curves: loss and rate by step, what is measured by epoch, runs one over the other."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from kerasnets.report.drawing import marker_of, new_figure, run_colours, set_calm_limits
from kerasnets.report.run_records import RunRecords
from kerasnets.report.section import Picture, Section, Table
from kerasnets.runs.records.result import MEASURES

MOST_POINTS = 600
"""Points of a line; of more, means of as many neighbours as needed are drawn."""

SMOOTHED = 0.05
"""Share of a line of steps that a point of the smooth line is the median of."""

Line = tuple[np.ndarray, np.ndarray]


def curve_sections(runs: Sequence[RunRecords]) -> list[Section]:
    """Return the sections of loss and measure; none for runs of which nothing was recorded yet."""
    by_step = all(len(run.steps) for run in runs)
    if not by_step and not any(len(run.history) for run in runs):
        return []
    unit = "optimizer step" if by_step else "epoch"
    caption = f"By {unit}: training solid, validation dashed"
    caption += ", a line a run. " if len(runs) > 1 else ". "
    if by_step:
        caption += "Pale: batches; over them their running median. "
    caption += "The linear axis leaves out what only the first steps reach."
    pictures = [
        Picture("loss-linear", "Loss, linear; below it the learning rate", _loss(runs, by_step, log=False)),
        Picture("loss-log", "Loss, logarithmic; below it the learning rate", _loss(runs, by_step, log=True)),
    ]
    sections = [Section(anchor="loss", title="Loss", caption=caption, pictures=tuple(pictures))]
    measure = runs[0].measure
    if any(measure in run.history for run in runs):
        figure = _by_epoch(runs, measure)
        word = MEASURES[measure]
        picture = Picture("measure", f"{word.capitalize()} of training and validation", figure)
        pictures = [picture]
        if any(f"val_{measure}" in run.history for run in runs):
            pictures.append(Picture("gap", f"Training {word} minus validation {word}", _gap(runs, measure)))
        caption = "Training accuracy is a mean over the epoch, with augmentation and dropout." * (
            measure == "accuracy"
        )
        sections.append(
            Section(anchor="measured", title=word.capitalize(), caption=caption, pictures=tuple(pictures))
        )
    return sections


def _loss(runs: Sequence[RunRecords], by_step: bool, *, log: bool) -> Figure:
    figure = new_figure(270)
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    drawn: list[np.ndarray] = []
    for run, (color, other) in zip(runs, run_colours(len(runs)), strict=True):
        several = len(runs) > 1
        label = run.label if several else "training"
        if by_step:
            steps = run.steps
            x, y = thinned(steps.step, steps.loss)
            top.plot(x, y, color=color, alpha=0.3, linewidth=0.8)
            x, y = thinned(steps.step, _smooth(steps.loss))
            _rate(bottom, steps.step, steps.learning_rate, color=color)
        else:
            x, y = _columns(run.history, "loss")
            if "learning_rate" in run.history:
                _rate(bottom, run.history.epoch, run.history.learning_rate, color=color)
        top.plot(x, y, color=color, marker=marker_of(y), markersize=3, label=label)
        drawn.append(y)
        if "val_loss" in run.history:
            x, y = _columns(run.history, "val_loss")
            x = x * run.steps_per_epoch if by_step else x
            label = "" if several else "validation"
            top.plot(x, y, "--", color=other, marker=marker_of(y), markersize=3, label=label)
            drawn.append(y)
    set_calm_limits(top, np.concatenate(drawn), log=log)
    _chance(top, runs)
    top.set_ylabel("loss")
    draw_legend(top)
    bottom.set(ylabel="rate", xlabel="optimizer step" if by_step else "epoch", ylim=(0, None))
    bottom.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    bottom.yaxis.set_major_locator(MaxNLocator(3))
    return figure


def _rate(axes: Axes, x: pd.Series, rate: pd.Series, *, color: str) -> None:
    x, rate = thinned(x, rate)
    axes.plot(x, rate, color=color, marker=marker_of(rate) and ".", markersize=3)


def _chance(axes: Axes, runs: Sequence[RunRecords]) -> None:
    """Draw the loss of a network that guesses, where it lies within the axis."""
    counts = {len(run.dataset.classes) for run in runs if run.recipe.loss.name == "categorical_crossentropy"}
    low, high = axes.get_ylim()
    for count in counts:
        if low < np.log(count) < high:
            axes.axhline(
                np.log(count), linestyle=":", linewidth=1, color="#7F7F7F", label=f"ln {count}: chance"
            )


def _by_epoch(runs: Sequence[RunRecords], measure: str) -> Figure:
    figure = new_figure(230)
    axes = figure.subplots()
    drawn = []
    for run, colors in zip(runs, run_colours(len(runs)), strict=True):
        for column, color, line, word in (
            (measure, colors[0], "-", "training"),
            (f"val_{measure}", colors[1], "--", "validation"),
        ):
            if column in run.history:
                x, y = _columns(run.history, column)
                label = word if len(runs) == 1 else run.label * (line == "-")
                axes.plot(x, y, line, color=color, marker=marker_of(y), markersize=3, label=label)
                drawn.append(y)
    set_calm_limits(axes, np.concatenate(drawn))
    axes.set(xlabel="epoch", ylabel=MEASURES[measure])
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    draw_legend(axes)
    return figure


def _gap(runs: Sequence[RunRecords], measure: str) -> Figure:
    figure = new_figure(230)
    axes = figure.subplots()
    drawn = [np.zeros(1)]
    for run, (color, _) in zip(runs, run_colours(len(runs)), strict=True):
        if f"val_{measure}" in run.history:
            x, y = _columns(run.history, measure)
            y = y - _columns(run.history, f"val_{measure}")[1]
            label = run.label if len(runs) > 1 else ""
            axes.plot(x, y, color=color, marker=marker_of(y), markersize=3, label=label)
            drawn.append(y)
    axes.axhline(0, linewidth=1, color="#7F7F7F")
    set_calm_limits(axes, np.concatenate(drawn))
    axes.set(xlabel="epoch", ylabel="gap")
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    draw_legend(axes)
    return figure


def _columns(history: pd.DataFrame, name: str) -> Line:
    return history.epoch.to_numpy(float), history[name].to_numpy(float)


def _smooth(values: pd.Series) -> pd.Series:
    """Return running medians over what is finite: a single high loss does not lift its neighbours."""
    width = max(int(SMOOTHED * len(values)), 1)
    finite = values.astype(float).where(np.isfinite(values.astype(float)))
    return finite.rolling(width, min_periods=1).median()


def thinned(x: pd.Series | np.ndarray, y: pd.Series | np.ndarray) -> Line:
    """Return at most `MOST_POINTS` points of a line: means of neighbours, each at its last x."""
    x, y = np.asarray(x, float), np.asarray(y, float)
    width = -(-len(x) // MOST_POINTS) or 1
    if width == 1:
        return x, y
    starts = np.arange(0, len(x), width)
    ends = np.append(starts[1:], len(x)) - 1
    return x[ends], np.add.reduceat(y, starts) / np.diff(np.append(starts, len(x)))


def draw_legend(axes: Axes) -> None:
    """Draw a legend above the axes, if any line has a name."""
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        columns = 3 if max(map(len, labels)) < 16 else 1
        axes.legend(handles, labels, loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, borderaxespad=0)


def epoch_sections(runs: Sequence[RunRecords]) -> list[Section]:
    """Return the section of all epochs' numbers, folded; none where no epoch has ended."""
    tables = tuple(
        Table(
            tuple(name.replace("_", " ") for name in run.history),
            tuple(
                tuple(f"{row[0]:.0f}" if at == 0 else f"{row[at]:.4g}" for at in range(len(row)))
                for row in run.history.to_numpy(float)
            ),
            f"{len(run.history):,} epochs" + (f" of {run.label}" if len(runs) > 1 else ""),
        )
        for run in runs
        if len(run.history)
    )
    return [Section(anchor="epochs", title="Epochs", tables=tables)] if tables else []
