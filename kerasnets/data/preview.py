"""A picture of what augmentation does: originals, and what the network will see of them."""

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from kerasnets.files.whole_files import whole_file

CELL = 1.8  # inches


def preview_grid(originals, seen, path, columns=None, rows=None):
    """Write a PNG with a row for each original: the original, then what the network will see.

    Args:
        originals: list of uint8 arrays (height, width, C) of any size, C of 1 or 3.
        seen: uint8 (rows, columns, height, width, C), in colours for the eye.
        path: where the picture goes.
        columns: captions above the columns of `seen`; None numbers them.
        rows: captions of the rows, for instance the classes.
    """
    count, draws = seen.shape[:2]
    captions = ["original", *(columns or [f"seen {draw + 1}" for draw in range(draws)])]
    figure = Figure(figsize=(CELL * (draws + 1), CELL * count), dpi=125, layout="constrained")
    grid = figure.subplots(count, draws + 1, squeeze=False)
    for row, cells in enumerate(grid):
        for column, (axes, image) in enumerate(zip(cells, [originals[row], *seen[row]], strict=True)):
            axes.imshow(np.broadcast_to(image, (*image.shape[:2], 3)), interpolation="nearest")
            axes.set(xticks=[], yticks=[])
            if row == 0:
                axes.set_title(captions[column], fontsize=8)
        if rows:
            cells[0].set_ylabel(rows[row], fontsize=8)
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02)
    with whole_file(path) as temporary:
        FigureCanvasAgg(figure).print_png(temporary)
