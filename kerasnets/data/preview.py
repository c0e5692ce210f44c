"""A picture of what augmentation does: stored images, and what the network will see of them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from kerasnets.files.whole_files import whole_file

CELL = 1.8
"""Side of a cell, in inches."""


def preview_grid(
    originals: Sequence[np.ndarray],
    seen: np.ndarray,
    path: str | Path,
    *,
    columns: Sequence[str] | None = None,
    rows: Sequence[str] | None = None,
) -> None:
    """Write a PNG with a row for each original: the original, then what the network will see.

    Args:
        originals: list of uint8 arrays (height, width, C) of any size, C of 1 or 3.
        seen: uint8 (rows, columns, height, width, C), as the network sees them but for the value steps.
        path: the PNG.
        columns: captions above the columns of `seen`; None numbers them.
        rows: captions of the rows, for instance the classes.
    """
    count, draws = seen.shape[:2]
    captions = ["original", *(columns or [f"seen {draw + 1}" for draw in range(draws)])]
    layout = ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.02)
    figure = Figure(figsize=(CELL * (draws + 1), CELL * count), dpi=125, layout=layout)
    grid = figure.subplots(count, draws + 1, squeeze=False)
    for row, cells in enumerate(grid):
        for column, (axes, image) in enumerate(zip(cells, [originals[row], *seen[row]], strict=True)):
            axes.imshow(np.broadcast_to(image, (*image.shape[:2], 3)), interpolation="nearest")
            axes.set(xticks=[], yticks=[])
            if row == 0:
                axes.set_title(captions[column], fontsize=8)
        if rows:
            cells[0].set_ylabel(rows[row], fontsize=8)
    with whole_file(path) as temporary:
        FigureCanvasAgg(figure).print_png(temporary)
