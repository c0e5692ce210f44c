"""Distributions over depth: a ridge a layer, at the first, a middle and the last measurement."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from kerasnets.catalog.quantities import BIN_EDGES, HISTOGRAMS, SMALLEST
from kerasnets.report.drawing import COLOURS, INK, WIDTH, new_figure, place, short_layer
from kerasnets.report.run_records import RunRecords
from kerasnets.report.section import Picture, Section, anchor_of
from kerasnets.report.sections.heat_maps import LABEL_HEIGHT

MOST_RIDGES = 30
"""Layers that are drawn; of more, those at regular distances, the first and the last among them."""

SEEN = 1e-3
"""Share of a layer's numbers below which the outer bins of all layers are cut off."""

TITLES = {
    "activation": "outputs of layers",
    "gradient": "gradients",
    "weight": "weights",
}

BINS = [f"b{number}" for number in range(len(BIN_EDGES) + 1)]


def ridge_sections(runs: Sequence[RunRecords]) -> list[Section]:
    """Return the section of distributions; none where no histograms were recorded."""
    pictures = []
    for of in HISTOGRAMS:
        for run in runs:
            rows = run.histograms[run.histograms.of == of] if len(run.histograms) else run.histograms
            if len(rows):
                name, title = f"ridges-{of}", f"Distributions of {TITLES[of]}"
                if len(runs) > 1:
                    name, title = f"{name}-{anchor_of(run.label)}", f"{title}: {run.label}"
                pictures.append(Picture(name, title, ridges(rows)))
    if not pictures:
        return []
    caption = (
        "A ridge a layer, from the first, above, to the last, each scaled to its own highest bin. The axis "
        "is logarithmic to both sides of zero; exact zeros and the smallest numbers share the bin in the "
        "middle, which is cut off where it is higher than all others. "
        f"Of more than {MOST_RIDGES} layers, {MOST_RIDGES} at regular distances are drawn."
    )
    return [Section(anchor="ridges", title="Distributions", caption=caption, pictures=tuple(pictures))]


def ridges(rows: pd.DataFrame) -> Figure:
    """Draw the distributions of one kind.

    Args:
        rows: of histograms, see `RunRecords.histograms`, all of one kind.
    """
    measured = sorted(rows.step.unique())
    steps = list(dict.fromkeys([measured[0], measured[len(measured) // 2], measured[-1]]))
    layers = np.array(list(dict.fromkeys(rows.layer)), object)
    drawn = np.unique(np.linspace(0, len(layers) - 1, min(len(layers), MOST_RIDGES)).round().astype(int))
    layers = layers[drawn]
    shares = {step: _shares(rows[rows.step == step], layers) for step in steps}
    low, high = _seen(np.concatenate(list(shares.values())))
    names = [short_layer(str(layer), 18) for layer in layers]
    left, top = 10 + 4.8 * max(map(len, names)), 18
    gap, height = 8, LABEL_HEIGHT * (len(layers) + 1)
    width = (WIDTH - left - 8 - gap * (len(steps) - 1)) / len(steps)
    figure = new_figure(top + height + 34, placed=True)
    for number, (step, share) in enumerate(shares.items()):
        axes = place(figure, left=left + number * (width + gap), top=top, width=width, height=height)
        _draw(axes, share, seen=slice(int(max(low, 0)), int(high) + 1), color=COLOURS[number])
        axes.set_title(f"step {step:,}", pad=4)
        axes.set(xlim=(low, high), ylim=(len(layers) - 0.6, -1.6))
        axes.set_yticks(range(len(layers)), names if number == 0 else [""] * len(layers))
        axes.tick_params(axis="y", length=0, labelsize=8, pad=2)
        axes.spines["left"].set_visible(False)
        axes.grid(visible=False, axis="y")
        axes.set_xticks(*_ticks(low, high))
        axes.tick_params(axis="x", labelsize=8)
    return figure


def _shares(rows: pd.DataFrame, layers: np.ndarray) -> np.ndarray:
    """Return the share of each layer's numbers in each bin, float (layers, bins); NaN where not measured."""
    rows = rows.drop_duplicates("layer", keep="last").set_index("layer")[BINS]
    counts = rows.reindex(layers).to_numpy(float)
    return counts / np.maximum(counts.sum(1, keepdims=True), 1)


def _seen(shares: np.ndarray) -> tuple[float, float]:
    """Return the limits of the axis, in bins: where any layer has more than a trace."""
    bins = np.flatnonzero((np.nan_to_num(shares) > SEEN).any(0))
    return (bins[0] - 1.0, bins[-1] + 1.0) if len(bins) else (0.0, float(shares.shape[1]))


def _draw(axes: Axes, shares: np.ndarray, *, seen: slice, color: str) -> None:
    """Draw ridges from above to below, each before the one above it."""
    bins, zero = np.arange(shares.shape[1])[seen], len(BIN_EDGES) // 2
    outlines = []
    for layer, share in enumerate(shares):
        highest = np.delete(share, zero).max() or share[zero]
        if highest > 0:  # NaN where the layer was not measured
            tops = layer - 1.5 * np.minimum(share[seen] / highest, 1)
            x = np.concatenate([bins[:1], bins, bins[-1:]])
            outlines.append(np.column_stack([x, np.concatenate([[layer], tops, [layer]])]))
    face = to_rgba(color, 0.55)
    axes.add_collection(PolyCollection(outlines, facecolors=face, edgecolors=INK, linewidths=0.4, zorder=2))


def _ticks(low: float, high: float) -> tuple[list[float], list[str]]:
    """Return places, in bins, and names: of zero, and of a power of ten to each side that is seen."""
    zero = len(BIN_EDGES) / 2
    powers = np.arange(-7, 3)
    away = powers * np.log2(10) - SMALLEST + 0.5
    places, names = [zero], ["0"]
    for sign, room in ((-1, zero - low), (1, high - zero)):
        seen = np.flatnonzero(away < 0.85 * room)
        if len(seen):
            places.append(zero + sign * away[seen[-1]])
            names.append(f"{'−' * (sign < 0)}{10.0 ** powers[seen[-1]]:g}")
    return places, names
