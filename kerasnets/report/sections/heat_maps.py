"""Heat maps of layers by steps: one line a layer could not be told apart in a network of a hundred."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure

from kerasnets.catalog.quantities import NETWORK
from kerasnets.report.drawing import WIDTH, new_figure, place, set_log_ticks, short_layer
from kerasnets.report.run_records import RunRecords
from kerasnets.report.section import Picture, Section, Table, anchor_of

MOST_COLUMNS = 200
"""Measurements of a heat map, of more those at regular distances and the last."""

EXTREMES = (0.02, 0.98)
"""Quantiles of all numbers between which colours differ."""

ZERO, NOT_FINITE = (0.0, 0.0, 0.0, 1.0), (1.0, 0.0, 1.0, 1.0)
"""Colours of exact zeros on a logarithmic scale, black, and of NaN and infinity, pink."""

LABEL_HEIGHT = 11
"""Points that the name of a layer needs."""


@dataclass(frozen=True)
class Scale:
    """How a quantity becomes colour.

    Attributes:
        title: of its pictures.
        how: how to read it.
        colors: name of matplotlib's colour map.
        middle: the number in the middle of a logarithmic scale to both sides; None of a scale to one side.
        share: whether numbers lie between 0 and 1, on a linear scale.
    """

    title: str
    how: str
    colors: str = "viridis"
    middle: float | None = None
    share: bool = False


SCALES = {
    "update_ratio": Scale(
        "Update ratio",
        "‖Δw‖/‖w‖ of single steps: about 1e-3, pale, is healthy; blue is slower, red faster.",
        colors="RdBu_r",
        middle=1e-3,
    ),
    "activation_variance": Scale(
        "Activation variance",
        "Variance of each layer's output on the same images: it should keep its order of magnitude.",
    ),
    "gradient_norm": Scale(
        "Gradient norm",
        "Norm of each layer's gradient: it should neither vanish nor grow toward the first layers.",
    ),
    "activation_dead": Scale(
        "Dead units",
        "Share of units that are zero on all images of the probe: they can no longer learn.",
        colors="cividis",
        share=True,
    ),
    "activation_saturated": Scale(
        "Saturated outputs",
        "Share of outputs at the limits of a bounded activation.",
        colors="cividis",
        share=True,
    ),
}
"""Quantities that have heat maps, in the order of the page."""


def heat_map_sections(runs: Sequence[RunRecords]) -> list[Section]:
    """Return the section of layers, with a heat map a quantity and run; none where nothing was measured."""
    pictures: list[Picture] = []
    hows: list[str] = []
    for quantity, scale in SCALES.items():
        tables = [layer_table(run.diagnostics, quantity) for run in runs]
        numbers = np.concatenate([table.to_numpy(float).ravel() for table in tables])
        if not np.isfinite(numbers).any() or (quantity == "activation_saturated" and not np.nanmax(numbers)):
            continue
        hows.append(f"{scale.title}: {scale.how[0].lower()}{scale.how[1:]}")
        for run, table in zip(runs, tables, strict=True):
            if not table.empty:
                name = quantity.replace("_", "-")
                several = len(runs) > 1
                pictures.append(
                    Picture(
                        f"{name}-{anchor_of(run.label)}" if several else name,
                        scale.title + (f": {run.label}" if several else ""),
                        heat_map(table, _norm(numbers, scale), scale),
                    )
                )
    if not pictures:
        return []
    caption = (
        "From the first layer, above, to the last, over optimizer steps. Black is exactly zero, pink is "
    )
    caption += "not finite. The last measurement of every layer stands in the table below."
    return [
        Section(
            anchor="layers",
            title="Layer by layer",
            caption=caption,
            notes=tuple(hows),
            pictures=tuple(pictures),
            tables=tuple(_newest(run, several=len(runs) > 1) for run in runs if len(run.diagnostics)),
        )
    ]


def layer_table(diagnostics: pd.DataFrame, quantity: str) -> pd.DataFrame:
    """Return a quantity with a row a layer, in the network's order, and a column a step.

    Missing measurements are NaN, those that were not finite infinite.
    """
    rows = diagnostics[(diagnostics.quantity == quantity) & (diagnostics.layer != NETWORK)]
    values = rows.value.where(np.isfinite(rows.value.astype(float)), np.inf)
    table = rows.assign(value=values).pivot_table(
        index="layer", columns="step", values="value", aggfunc="last", sort=False
    )
    table = table.sort_index(axis="columns")
    chosen = np.unique(
        np.linspace(0, table.shape[1] - 1, min(table.shape[1], MOST_COLUMNS)).round().astype(int)
    )
    return table.iloc[:, chosen]


def heat_map(table: pd.DataFrame, norm: Normalize, scale: Scale) -> Figure:
    """Draw a heat map.

    Args:
        table: see `layer_table`.
        norm: from numbers to 0 to 1.
        scale: of its quantity.
    """
    values = table.to_numpy(float)
    layers, steps = values.shape
    colors = colormaps[scale.colors](np.ma.filled(norm(np.where(np.isfinite(values), values, 1.0)), 0.0))
    colors[np.isnan(values)] = 0
    colors[np.isinf(values)] = NOT_FINITE
    if not scale.share:
        colors[values == 0] = ZERO
    row = float(np.clip(520 / layers, 1.4, 16))
    names = [short_layer(str(name)) for name in table.index]
    left = 12 + 5.2 * max(map(len, names))
    # fixed places: matplotlib's own layout takes seconds for a hundred labels
    figure, top, height = new_figure(layers * row + 70, placed=True), 28, layers * row
    axes = place(figure, left=left, top=top, width=WIDTH - left - 12, height=height)
    axes.grid(visible=False)
    axes.imshow((255 * colors).astype("uint8"), aspect="auto", interpolation="none")
    places = np.arange(0, layers, int(-(-LABEL_HEIGHT // row)))
    axes.set_yticks(places, [names[at] for at in places])
    columns = np.unique(np.linspace(0, steps - 1, min(steps, 5)).round().astype(int))
    axes.set_xticks(columns, [f"{table.columns[column]:,}" for column in columns])
    axes.set_xlabel("step")
    axes.tick_params(axis="y", length=2, labelsize=8)
    bar = figure.colorbar(
        ScalarMappable(norm, scale.colors),
        cax=place(figure, left=left, top=15, width=WIDTH - left - 12, height=7),
        orientation="horizontal",
        ticklocation="top",
    )
    if not scale.share:
        set_log_ticks(bar.ax.xaxis, np.log10(norm.inverse(1.0) / norm.inverse(0.0)))
    bar.ax.tick_params(labelsize=8)
    bar.ax.minorticks_off()
    bar.outline.set_visible(False)
    return figure


def _norm(numbers: np.ndarray, scale: Scale) -> Normalize:
    """Return the scale of all runs' numbers, without what is rare."""
    if scale.share:
        return Normalize(0, 1, clip=True)
    positive = numbers[np.isfinite(numbers) & (numbers > 0)]
    if not len(positive):
        positive = np.ones(1)
    low, high = np.log10(np.quantile(positive, EXTREMES))
    if scale.middle is not None:
        middle = np.log10(scale.middle)
        reach = max(1.0, middle - low, high - middle)
        low, high = middle - reach, middle + reach
    elif high - low < 1:
        low, high = (low + high) / 2 - 0.5, (low + high) / 2 + 0.5
    return LogNorm(10**low, 10**high, clip=True)


def _newest(run: RunRecords, *, several: bool) -> Table:
    """Return the newest number of every layer and quantity."""
    names = [name for name in SCALES if (run.diagnostics.quantity == name).any()]
    tables = {name: layer_table(run.diagnostics, name) for name in names}
    layers = [name for name in dict.fromkeys(run.diagnostics.layer) if name != NETWORK]
    rows = []
    for layer in layers:
        numbers = [
            table.loc[layer].dropna() if layer in table.index else pd.Series(dtype=float)
            for table in tables.values()
        ]
        rows.append((layer, *(f"{each.iloc[-1]:.3g}" if len(each) else "" for each in numbers)))
    title = "Every layer at its last measurement" + (f": {run.label}" if several else "")
    return Table(("layer", *(SCALES[name].title.lower() for name in names)), tuple(rows), title)
