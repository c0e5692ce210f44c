"""The picture of a range test: the loss and the update ratio over the learning rate."""

import math
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kerasnets.files.whole_files import whole_file, write_text
from kerasnets.rate_range.curve.rate_range import EVENTS, RateRange
from kerasnets.rate_range.curve.reading import HEALTHY
from kerasnets.report.drawing import COLOURS, INK, new_figure, png, set_log_ticks, style, svg

HEIGHT = 400
"""Of the picture in points."""

LINES = {"falls_from": "--", "steepest": ":", "diverges_at": "-."}
"""How the rate of each event is drawn."""


def draw_range(found: RateRange) -> Figure:
    """Return the figure; make and write it within `kerasnets.report.drawing.style`."""
    figure = new_figure(HEIGHT)
    loss, ratio = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    rates = found.rates
    for row in found.losses:
        loss.plot(rates, row, color=COLOURS[0], alpha=0.35, linewidth=1)
    loss.plot(rates, found.loss, color=COLOURS[0])
    for row in found.update_ratios:
        ratio.plot(rates, row, color=COLOURS[1], alpha=0.5, linewidth=1)
    ratio.axhline(HEALTHY, color=INK, linewidth=0.8)
    loss.set(ylabel="training loss", xscale="log")
    ratio.set(ylabel="update ratio", xlabel="learning rate", yscale="log")
    _mark(loss, found)
    _shade((loss, ratio), found)
    _limit(loss, ratio, found)
    if loss.get_legend_handles_labels()[0]:
        figure.legend(*loss.get_legend_handles_labels(), loc="outside upper left", ncols=2)
    return figure


def write_pictures(found: RateRange, folder: Path) -> list[Path]:
    """Write range.png and range.svg into a folder; return their paths."""
    paths = [folder / "range.png", folder / "range.svg"]
    with style():
        figure = draw_range(found)
        with whole_file(paths[0]) as temporary:
            temporary.write_bytes(png(figure))
        write_text(paths[1], svg(figure))
    return paths


def _limit(loss: Axes, ratio: Axes, found: RateRange) -> None:
    """End the axis of rates where the last sweep has ended, and name powers of ten along both logarithms."""
    known = np.isfinite(found.update_ratios) & (found.update_ratios > 0)
    if not known.any():
        return
    last = float(found.rates[np.flatnonzero(known.any(axis=0))[-1]])
    ratios = found.update_ratios[known]
    loss.set_xlim(found.rates[0], 1.2 * last)
    set_log_ticks(ratio.xaxis, math.log10(1.2 * last / found.rates[0]))
    set_log_ticks(ratio.yaxis, math.log10(ratios.max() / ratios.min()))


def _mark(axes: Axes, found: RateRange) -> None:
    for name, line in LINES.items():
        rate = getattr(found, name)
        if rate is not None:
            axes.axvline(rate, color=INK, linestyle=line, linewidth=1, label=f"{EVENTS[name]}: {rate:.2g}")


def _shade(all_axes: tuple[Axes, ...], found: RateRange) -> None:
    """Shade the rates between which to search."""
    if found.low is None or found.high is None:
        return
    for axes in all_axes:
        words = f"search: {found.low:.2g} to {found.high:.2g}" if axes is all_axes[0] else None
        axes.axvspan(found.low, found.high, color=COLOURS[2], alpha=0.15, linewidth=0, label=words)
