"""How a search went: workers over time, the best so far, time and cost."""

import numpy as np
from matplotlib.figure import Figure

from kerasnets.errors import printable
from kerasnets.report.drawing import new_figure, set_calm_limits, short
from kerasnets.report.section import Picture, Section, Table
from kerasnets.report.sections.curves import draw_legend
from kerasnets.report.tuning.colours import STATUS, stage_colours
from kerasnets.report.tuning.records import SearchRecords
from kerasnets.runs.searches.trial_record import TrialRecord


def progress_sections(records: SearchRecords) -> list[Section]:
    """Return the sections of the best so far, and of time and cost; none before a trial has begun."""
    if not records.begun:
        return []
    timeline = Picture("timeline", "Trials by worker", _timeline(records))
    cost = Section(
        anchor="cost",
        title="Time and cost",
        caption="A training is one of the recipe in full. Time is that of training, of all workers together.",
        pictures=(timeline,),
        tables=(_cost_table(records), Table(("", ""), _totals(records))),
    )
    if not records.scored():
        return [cost]
    picture = Picture("best-so-far", "Best score so far", _best_so_far(records))
    caption = "Lines: the best of a stage until then. Dots: trials, where they ended."
    return [
        Section(anchor="history", title="History of the best", caption=caption, pictures=(picture,)),
        cost,
    ]


def _best_so_far(records: SearchRecords) -> Figure:
    figure = new_figure(230)
    axes = figure.subplots()
    for stage, color in stage_colours(records).items():
        trials = sorted(records.scored(stage), key=lambda trial: records.minutes(trial)[1])
        x = np.array([records.minutes(trial)[1] for trial in trials])
        y = np.array([trial.score for trial in trials], float)
        best = records.sign * np.maximum.accumulate(records.sign * y)
        axes.plot(x, y, "o", color=color, markersize=3, alpha=0.5, markeredgewidth=0)
        axes.step(x, best, where="post", color=color, label=stage, marker="." if len(x) == 1 else "")
    set_calm_limits(axes, np.array([trial.score for trial in records.scored()], float))
    axes.set(xlabel="minutes", ylabel=records.search.objective)
    draw_legend(axes)
    return figure


def _timeline(records: SearchRecords) -> Figure:
    workers = sorted({trial.worker for trial in records.begun})
    figure = new_figure(90 + 22 * len(workers))
    axes = figure.subplots()
    for status, color in STATUS.items():
        of_status = [trial for trial in records.begun if trial.status == status]
        starts, ends = np.array([records.minutes(trial) for trial in of_status]).reshape(-1, 2).T
        rows = [workers.index(trial.worker) for trial in of_status]
        if of_status:
            axes.barh(
                rows, ends - starts, left=starts, height=0.7, color=color, edgecolor="white", linewidth=0.4,
                label=status,
            )  # fmt: skip
    names = [short(printable(worker) or "worker", 18) for worker in workers]
    axes.set_yticks(range(len(workers)), names)
    axes.set(xlabel="minutes", ylim=(len(workers) - 0.4, -0.6))
    axes.grid(axis="y", visible=False)
    draw_legend(axes)
    return figure


def _cost_table(records: SearchRecords) -> Table:
    """Return a row a stage: how many trials of each status, and what they took."""
    statuses = [name for name in STATUS if any(trial.status == name for trial in records.trials)]
    rows = []
    for stage in records.stages:
        trials = [trial for trial in records.trials if trial.stage == stage]
        counts = (str(sum(trial.status == name for trial in trials)) for name in statuses)
        epochs = sum(new_epochs(records, trial) for trial in trials)
        cost = epochs / records.search.full + (_range_cost(records) if stage == "range" else 0.0)
        seconds = sum(trial.seconds for trial in trials)
        rows.append((stage, str(len(trials)), *counts, f"{epochs:,}", f"{cost:.2f}", duration(seconds)))
    return Table(("stage", "trials", *statuses, "epochs", "in trainings", "time"), tuple(rows))


def new_epochs(records: SearchRecords, trial: TrialRecord) -> int:
    """Return the epochs that a trial has trained itself, without those of the trial that it goes on from."""
    before = {each.id: each.epochs for each in records.trials}
    return max(trial.epochs - before.get(trial.promoted_from or "", 0), 0)


def trainings(records: SearchRecords) -> float:
    """Return what the search has cost so far, in trainings of the recipe in full."""
    epochs = sum(new_epochs(records, trial) for trial in records.trials)
    return epochs / records.search.full + _range_cost(records)


def _range_cost(records: SearchRecords) -> float:
    return (records.rates.trainings or 0.0) if records.rates else 0.0


def _totals(records: SearchRecords) -> tuple[tuple[str, str], ...]:
    search = records.search
    wall = 60 * max(records.minutes(trial)[1] for trial in records.begun)
    workers = len({trial.worker for trial in records.begun})
    busy = sum(trial.seconds for trial in records.begun) / max(workers * wall, 1.0)
    expected = f"{search.trainings:.2f} trainings"
    if search.seconds is not None:
        preparing = (search.overhead or 0.0) * search.trials
        expected += f", {duration(search.trainings * search.seconds + preparing)} of one worker"
    return (
        ("cost so far", f"{trainings(records):.2f} trainings"),
        ("expected beforehand", expected),
        ("from beginning to end", duration(wall)),
        ("workers", str(workers)),
        ("workers' time spent on trials", f"{100 * min(busy, 1):.0f} %"),
    )


def duration(seconds: float) -> str:
    """Return a time in words: "1 h 5 min", "3 min 20 s", "4.2 s"."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    words = f"{minutes // 60:,} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min {rest} s"
    return words.replace(" ", "\N{NO-BREAK SPACE}")
