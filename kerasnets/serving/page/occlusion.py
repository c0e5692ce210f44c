"""Where a model looked, found from outside: how much less probable a class is with part of the image covered.

It is the occlusion sensitivity of Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks",
ECCV 2014, section 4.2: a square patch of one colour, here the image's mean, is moved over the image. Any
model can be asked, of any format, an ensemble too. What it shows is what covering does, no more: two parts
of which either suffices both stay cold.
"""

import itertools

import numpy as np
from PIL import Image

ACROSS = 8
"""Cells along the short side of an image; a patch covers two by two of them."""

MOST = 16
"""Cells along the long side at most: those of a long image are not square."""

LONGEST = 512
"""Pixels of the long side of the image that is covered, at most."""


def reduced(pixels: np.ndarray) -> np.ndarray:
    """Return an image, uint8 (height, width, C), with at most `LONGEST` pixels a side."""
    height, width, channels = pixels.shape
    scale = LONGEST / max(height, width)
    if scale >= 1:
        return pixels
    image = Image.fromarray(pixels[..., 0] if channels == 1 else pixels)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(image.resize(size, Image.Resampling.BOX)).reshape(size[1], size[0], channels)


def grid(height: int, width: int) -> tuple[int, int]:
    """Return how many rows and columns of cells an image has, none of less than a pixel."""
    cell = min(height, width) / min(ACROSS, height, width)
    return min(MOST, round(height / cell)), min(MOST, round(width / cell))


def covered(image: np.ndarray) -> np.ndarray:
    """Return an image with each patch covered in turn.

    Args:
        image: uint8 (height, width, C).

    Returns:
        uint8 (N, height, width, C), in row-major order of the patches.
    """
    height, width, _ = image.shape
    rows, columns = grid(height, width)
    colour = image.mean((0, 1)).round().astype("uint8")
    copies = np.repeat(image[None], len(_patches(rows, columns)), axis=0)
    for copy, (row, column) in zip(copies, _patches(rows, columns), strict=True):
        top, bottom = row * height // rows, min(row + 2, rows) * height // rows
        left, right = column * width // columns, min(column + 2, columns) * width // columns
        copy[top:bottom, left:right] = colour
    return copies


def heat(drops: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Return how much covering each cell costs, on average over the patches that cover it.

    Args:
        drops: (N,), by how much a class's probability falls under each patch.
        rows, columns: of cells.

    Returns:
        (rows, columns), 0 and above: where covering makes the class more probable, 0.
    """
    total, count = np.zeros((2, rows, columns))
    for drop, (row, column) in zip(drops, _patches(rows, columns), strict=True):
        total[row : row + 2, column : column + 2] += drop
        count[row : row + 2, column : column + 2] += 1
    return np.maximum(total / count, 0)


def _patches(rows: int, columns: int) -> list[tuple[int, int]]:
    """Return row and column of the first cell of each patch."""
    return list(itertools.product(range(max(1, rows - 1)), range(max(1, columns - 1))))
