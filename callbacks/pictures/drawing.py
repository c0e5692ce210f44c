"""How pictures are drawn: PNG files that appear whole."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kerasnets.callbacks.pictures.tiles import grid
from kerasnets.files.whole_files import whole_file

MOST_NUMBERS = 20
"""Classes up to which the counts themselves are written into a confusion matrix."""

MOST_NAMES = 40
"""Classes up to which each is named."""


def draw_tiles(path: Path, rows: list[list[np.ndarray]]) -> None:
    """Write rows of tiles as a PNG; see `kerasnets.callbacks.pictures.tiles`."""
    from PIL import Image

    with whole_file(path) as temporary:
        Image.fromarray(grid(rows)).save(temporary, format="PNG", optimize=True)


def draw_confusion(path: Path, counts: np.ndarray, classes: Sequence[str], *, title: str = "") -> None:
    """Write a confusion matrix as a PNG: a row a true class, darker the larger its share of that row.

    Args:
        path: the PNG.
        counts: whole numbers (classes, classes), rows true, columns predicted.
        classes: their names.
        title: above the picture.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    many, number = len(classes), min(len(classes), MOST_NAMES)
    side = 2.2 + 0.32 * number
    figure = Figure(figsize=(side + 0.6, side), dpi=90, layout="constrained")
    axes = figure.subplots()
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    shown = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
    figure.colorbar(shown, ax=axes, label="share of the true class", shrink=0.8)
    axes.set(xlabel="predicted", ylabel="true", title=title)
    if many <= MOST_NAMES:
        axes.set_xticks(range(many), classes, rotation=90 if max(map(len, classes)) > 2 else 0, fontsize=8)
        axes.set_yticks(range(many), classes, fontsize=8)
    if many <= MOST_NUMBERS:
        for (true, predicted), count in np.ndenumerate(counts):
            if count:
                color = "white" if shares[true, predicted] > 0.5 else "black"
                axes.text(predicted, true, str(count), color=color, ha="center", va="center", fontsize=7)
    with whole_file(path) as temporary:
        FigureCanvasAgg(figure).print_png(temporary)
