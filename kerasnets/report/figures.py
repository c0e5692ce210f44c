"""The report's figures, each a PNG in base64."""

import base64
import io
from collections.abc import Sequence

import keras
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

MOST_FILTERS = 64
"""Kernels, or channels of kernels, that are drawn at most."""


def curves(history: pd.DataFrame, names: Sequence[str]) -> str:
    """Draw two columns of a run's history over epochs, of training and validation; return the PNG."""
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    for axes, name in zip(figure.subplots(1, 2), names, strict=True):
        for column, label in ((name, "training"), (f"val_{name}", "validation")):
            if column in history:
                axes.plot(history.epoch, history[column], marker=".", label=label)
        axes.set(xlabel="epoch", ylabel=name.replace("_", " "))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        axes.legend()
    return _png(figure)


def update_ratios(ratios: pd.DataFrame, band: Sequence[float]) -> str:
    """Draw the update ratio of every layer over steps; return the PNG.

    Args:
        ratios: rows of the diagnostics: `layer`, `step`, `value`.
        band: lowest and highest healthy ratio, shaded.
    """
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.axhspan(*band, color="tab:green", alpha=0.12)
    axes.axhline(1e-3, color="tab:green", linewidth=0.8)
    for layer, rows in ratios.groupby("layer", sort=False):
        axes.plot(
            rows.step,
            rows.value.where(np.isfinite(rows.value) & (rows.value > 0)),
            linewidth=1.2,
            label=layer,
        )
    axes.set(xlabel="step", ylabel="‖Δw‖ / ‖w‖", yscale="log")
    axes.grid(alpha=0.3)
    _legend(axes, ratios.layer.nunique())
    return _png(figure)


def variance_over_depth(variances: pd.DataFrame) -> str:
    """Draw each layer's activation variance, in order of depth, at the first, a middle and the last step.

    Args:
        variances: rows of the diagnostics: `layer`, `step`, `value`.

    Returns:
        The PNG.
    """
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    axes = figure.subplots()
    steps = sorted(variances.step.unique())
    for step in dict.fromkeys([steps[0], steps[len(steps) // 2], steps[-1]]):
        rows = variances[variances.step == step]
        axes.plot(rows.layer, rows.value.where(rows.value > 0), marker="o", label=f"step {step}")
    axes.set(ylabel="variance", yscale="log")
    axes.tick_params(axis="x", rotation=45 if variances.layer.nunique() > 8 else 0)
    axes.grid(alpha=0.3)
    axes.legend()
    return _png(figure)


def first_filters(network: keras.Model, *, backwards: bool = False) -> tuple[str, str] | None:
    """Draw the first convolution's kernels: in colour where they see three channels, else channel by channel.

    Args:
        network: a functional model.
        backwards: whether its channels are blue, green, red.

    Returns:
        (layer name, PNG), or None for a network without convolutions.
    """
    layer = next(
        (layer for layer in network.layers if len(getattr(layer, "kernel", np.zeros(0)).shape) == 4), None
    )
    if layer is None:
        return None
    kernel = np.asarray(layer.kernel)
    tiles = list(kernel.transpose(3, 0, 1, 2))
    if backwards:
        tiles = [tile[..., ::-1] for tile in tiles]
    if kernel.shape[2] != 3:
        tiles = [tile[..., channel] for tile in tiles for channel in range(kernel.shape[2])]
    tiles = tiles[:MOST_FILTERS]
    columns = min(len(tiles), 12)
    rows = -(-len(tiles) // columns)
    figure = Figure(figsize=(0.8 * columns, 0.8 * rows), layout="constrained")
    for axes in figure.subplots(rows, columns, squeeze=False).flat:
        axes.axis("off")
        if tiles:
            tile = tiles.pop(0)
            spread = np.ptp(tile) or 1.0
            axes.imshow((tile - tile.min()) / spread, cmap="gray", interpolation="nearest")
    return layer.name, _png(figure)


def _legend(axes: Axes, entries: int) -> None:
    """Draw the legend to the right of the axes, in columns of at most 16 entries."""
    axes.legend(fontsize="small", ncols=1 + (entries - 1) // 16, loc="center left", bbox_to_anchor=(1, 0.5))


def _png(figure: Figure) -> str:
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    return base64.b64encode(buffer.getvalue()).decode("ascii")
