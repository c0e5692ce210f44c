"""Time and memory, and what single steps were like over the whole network."""

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
from matplotlib.figure import Figure

from kerasnets.report.drawing import marker_of, new_figure, run_colours, set_calm_limits
from kerasnets.report.run_records import RunRecords
from kerasnets.report.section import Picture, Section, Table
from kerasnets.report.sections.curves import draw_legend, thinned

HEALTHY_RATIO = 1e-3

WHOLE = {
    "update_ratio": ("whole-update-ratio", "Update ratio of the whole network, ‖Δw‖/‖w‖; dotted: 1e-3"),
    "gradient_norm": ("whole-gradient-norm", "Gradient norm of the whole network"),
}


def whole_network_sections(runs: Sequence[RunRecords]) -> list[Section]:
    """Return the section of update ratio and gradient norm by step; none where no steps were recorded."""
    pictures = tuple(
        Picture(name, title, _by_step(runs, column, log=True))
        for column, (name, title) in WHOLE.items()
        if _recorded(runs, column)
    )
    caption = "Of single optimizer steps; pale, and over them their running median."
    section = Section(anchor="steps", title="Step by step", caption=caption, pictures=pictures)
    return [section] if pictures else []


def speed_sections(runs: Sequence[RunRecords]) -> list[Section]:
    """Return the section of time and memory."""
    pictures = []
    if _recorded(runs, "seconds"):
        pictures.append(Picture("seconds", "Seconds that a step took", _by_step(runs, "seconds", log=False)))
    facts = [_facts(run) for run in runs]
    names = list(dict.fromkeys(name for each in facts for name in each))
    rows = tuple((name, *(each.get(name, "") for each in facts)) for name in names)
    table = Table(("", *(run.label for run in runs)), rows)
    return [Section(anchor="time", title="Time and memory", pictures=tuple(pictures), tables=(table,))]


def _recorded(runs: Sequence[RunRecords], column: str) -> bool:
    return any(column in run.steps and run.steps[column].notna().any() for run in runs)


def _by_step(runs: Sequence[RunRecords], column: str, *, log: bool) -> Figure:
    figure = new_figure(200)
    axes = figure.subplots()
    drawn = []
    for run, (color, _) in zip(runs, run_colours(len(runs)), strict=True):
        if column not in run.steps or not len(run.steps):
            continue
        values = run.steps[column].astype(float)
        values = values.where(np.isfinite(values) & ((values > 0) | (not log)))
        smooth = values.rolling(max(len(values) // 30, 1), min_periods=1, center=True).median()
        axes.plot(*thinned(run.steps.step, values), color=color, alpha=0.3, linewidth=0.8)
        x, y = thinned(run.steps.step, smooth)
        label = run.label if len(runs) > 1 else ""
        axes.plot(x, y, color=color, marker=marker_of(y), markersize=3, label=label)
        drawn.append(values.to_numpy())
    set_calm_limits(axes, np.concatenate(drawn), log=log)
    if column == "update_ratio":
        axes.axhline(HEALTHY_RATIO, linestyle=":", linewidth=1.2, color="#7F7F7F")
    axes.set(xlabel="optimizer step", ylabel=column.replace("_", " "))
    draw_legend(axes)
    return figure


def _facts(run: RunRecords) -> dict[str, str]:
    """Return what a run took, in words by name."""
    facts = {}
    if run.result:
        facts["training"] = _duration(run.result.seconds)
        facts["images a second"] = f"{run.result.images_per_second:,.0f}"
        facts["steps"] = f"{run.result.steps:,}"
        facts["steps skipped"] = f"{run.result.skipped_steps:,}" if run.result.skipped_steps else ""
        facts["parameters"] = f"{run.result.parameters:,}"
    seconds = run.steps.seconds.dropna() if "seconds" in run.steps else []
    if len(seconds):
        facts["a step, median"] = f"{1000 * np.median(seconds):,.1f} ms"
        facts["a step, slowest of a hundred"] = f"{1000 * np.quantile(seconds, 0.99):,.1f} ms"
    if run.memory:
        facts["memory, estimated peak"] = f"{run.memory / 2**20:,.0f} MiB"
    times = [line[:19] for line in run.log if line[:4].isdecimal()]
    if times:
        facts["first and last line of the log"] = f"{times[0]} to {times[-1]}"
    return {name: text for name, text in facts.items() if text}


def _duration(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 60 else str(timedelta(seconds=round(seconds)))
