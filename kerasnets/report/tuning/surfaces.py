"""Several keys at once: which matter, contours of each two, and all as parallel coordinates."""

import itertools
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kerasnets.report.drawing import new_figure, short
from kerasnets.report.section import Picture, Section, Table
from kerasnets.report.tuning.axes import KeyAxis
from kerasnets.report.tuning.colours import BEST, GROUND, draw_score_scale, score_colours
from kerasnets.report.tuning.forest import LEAST, Forest
from kerasnets.report.tuning.records import SearchRecords

MOST_KEYS = 6
"""Keys each two of which have a contour; of more, those that matter most."""

POINTS = 32
"""Points of a contour along each axis of numbers."""

HOW = (
    "Functional analysis of variance (Hutter 2014) of a random forest that predicts the score from values, "
    "over the ranges that were tried: the share of the score's variance that a key has alone, and two by "
    "their interplay."
)


def importance_sections(records: SearchRecords, forest: Forest | None) -> list[Section]:
    """Return the section of which keys matter; none of one key alone."""
    if len(records.axes) < 2:
        return []
    if forest is None:
        caption = f"Not computed: it takes {LEAST} trials of one stage that have a score."
        return [Section(anchor="importance", title="Importance", caption=caption)]
    shares = sorted(forest.shares.items(), key=lambda each: -each[1])
    names = [axis.label for axis in records.axes]
    rows = [(" and ".join(names[key] for key in keys), f"{share:.3f}") for keys, share in shares]
    trust = "" if forest.fit > 0 else " It predicts no better than the mean: these shares mean nothing."
    notes = (
        f"From {forest.trials} trials of stage {forest.stage}; those without a score are left out. "
        f"R² on trials that the trees have not seen: {forest.fit:.2f}.{trust}",
    )
    alone = [(keys[0], share) for keys, share in shares if len(keys) == 1]
    picture = Picture("importance-shares", "Share of the score's variance", _bars(records.axes, alone))
    many = "" if len(rows) <= 6 else "All keys, and each two"
    table = Table(("key", "share"), tuple(rows), title=many)
    return [
        Section(
            anchor="importance",
            title="Importance",
            caption=HOW,
            notes=notes,
            pictures=(picture,),
            tables=(table,),
        )
    ]


def _bars(axes: Sequence[KeyAxis], shares: Sequence[tuple[int, float]]) -> Figure:
    figure = new_figure(70 + 22 * len(shares))
    drawn = figure.subplots()
    places = np.arange(len(shares))[::-1]
    drawn.barh(places, [max(share, 0.0) for _, share in shares], color=BEST, height=0.6)
    drawn.set_yticks(places, [short(axes[key].label, 30) for key, _ in shares])
    drawn.set(xlabel="share of variance", xlim=(0, 1))
    drawn.grid(axis="y", visible=False)
    return figure


def contour_sections(records: SearchRecords, forest: Forest | None) -> list[Section]:
    """Return the section of contours of each two keys; none of one key alone, or before a score."""
    axes = records.axes
    if len(axes) < 2 or not records.scored():
        return []
    chosen = _most_important(len(axes), forest)
    pictures = tuple(
        Picture(
            f"contour-{one}-{two}",
            f"{axes[two].label} against {axes[one].label}",
            _contour(records, forest, (one, two)),
        )
        for one, two in itertools.combinations(chosen, 2)
    )
    ground = (
        "The ground is the forest's mean score over all other keys, bluer where it is better"
        if forest
        else f"There are too few trials for a ground: it takes {LEAST} of one stage"
    )
    caption = f"{ground}; dots are trials, orange to blue from worst to best, grey without a score."
    if len(chosen) < len(axes):
        caption += f" The {len(chosen)} keys that matter most."
    return [Section(anchor="contours", title="Two keys at once", caption=caption, pictures=pictures)]


def _most_important(count: int, forest: Forest | None) -> list[int]:
    """Return the keys that contours show, in the search's order."""
    shares = forest.shares if forest else {}
    order = sorted(range(count), key=lambda key: -shares.get((key,), 0.0))
    return sorted(order[:MOST_KEYS])


def _contour(records: SearchRecords, forest: Forest | None, keys: tuple[int, int]) -> Figure:
    figure = new_figure(270)
    axes = figure.subplots()
    one, two = (records.axes[key] for key in keys)
    if forest:
        _draw_ground(axes, forest, keys, sign=records.sign)
    trials = [*(trial for trial in records.trials if trial.score is None and trial.values), *records.scored()]
    x, y = (axis.numbers(trial.values.get(axis.key) for trial in trials) for axis in (one, two))
    colours = score_colours(records)
    axes.scatter(x, y, c=[colours[trial.id] for trial in trials], s=20, edgecolors="white", linewidths=0.6)
    one.draw_on(axes.xaxis)
    two.draw_on(axes.yaxis)
    axes.set(xlabel=one.label, ylabel=two.label)
    axes.grid(visible=False)
    draw_score_scale(axes)
    return figure


def _draw_ground(axes: Axes, forest: Forest, keys: tuple[int, int], *, sign: float) -> None:
    points = (np.arange(POINTS) + 0.5) / POINTS
    ground = sign * forest.marginal(keys, points).T
    if ground.max() <= ground.min():
        return
    edges = [_edges(forest.axes[key]) for key in keys]
    axes.pcolormesh(*edges, ground, cmap=GROUND, rasterized=True, antialiased=False)
    if not any(forest.axes[key].choices for key in keys):
        places = [forest.axes[key].at(points) for key in keys]
        axes.contour(*places, ground, levels=6, colors=BEST, linewidths=0.6, alpha=0.8)


def _edges(axis: KeyAxis) -> np.ndarray:
    """Return the coordinates between which the points of a ground lie (points + 1,)."""
    shares = np.linspace(0, 1, POINTS + 1)
    return shares * len(axis.choices) - 0.5 if axis.choices else axis.at(shares)


def parallel_sections(records: SearchRecords) -> list[Section]:
    """Return the section of parallel coordinates; none of one key alone, or before a score."""
    if len(records.axes) < 2 or not records.scored():
        return []
    caption = "A line a trial: its value of each key, and its score at the right. The best are drawn last."
    picture = Picture("parallel-lines", "Values and score of all trials", _parallel(records))
    return [Section(anchor="parallel", title="All keys at once", caption=caption, pictures=(picture,))]


def _parallel(records: SearchRecords) -> Figure:
    score = KeyAxis.of(records.search.objective, {}, [trial.score for trial in records.scored()])
    axes, colours = [*records.axes, score], score_colours(records)
    figure = new_figure(300)
    drawn = figure.subplots()
    for trial in sorted(records.scored(), key=lambda each: records.sign * (each.score or 0.0)):
        values = [*(trial.values.get(axis.key) for axis in records.axes), trial.score]
        heights = [axis.shares(axis.numbers([value]))[0] for axis, value in zip(axes, values, strict=True)]
        drawn.plot(heights, color=colours[trial.id], linewidth=1, alpha=0.8)
    for place, axis in enumerate(axes):
        drawn.axvline(place, linewidth=0.8, color="#7F7F7F")
        low, high = axis.end_texts()
        drawn.text(place, -0.03, low, ha="center", va="top", fontsize=8)
        drawn.text(place, 1.02, high, ha="center", va="bottom", fontsize=8)
        drawn.text(place, -0.12, short(axis.label, 26), ha="right", va="top", fontsize=8, rotation=30)
    drawn.set(xlim=(-0.3, len(axes) - 0.7), ylim=(0, 1))
    drawn.set_axis_off()
    return figure
