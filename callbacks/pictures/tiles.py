"""From numbers to pixels: each kernel or feature map becomes a tile, and tiles lie in a grid."""

import numpy as np

TILE = 28
"""Pixels that the side of a tile is enlarged to, at least."""

BETWEEN = 255
"""Value of the pixels between tiles: white."""


def stretched(values: np.ndarray) -> np.ndarray:
    """Return numbers as pixels: the smallest black (0), the largest white (255), a constant black.

    Args:
        values: (height, width) or (height, width, 3); what is not finite counts as the smallest.

    Returns:
        uint8 of the same shape.
    """
    values = np.asarray(values, "float64")
    finite = values[np.isfinite(values)]
    low, high = (finite.min(), finite.max()) if finite.size else (0.0, 0.0)
    scaled = (np.where(np.isfinite(values), values, low) - low) / ((high - low) or 1.0)
    return np.round(255 * scaled).astype("uint8")


def kernel_tiles(kernel: np.ndarray, most: int = 64) -> list[list[np.ndarray]]:
    """Return the filters of a convolution as rows of tiles, each stretched to its own range.

    Args:
        kernel: (height, width, input channels, filters).
        most: how many tiles at most.

    Returns:
        Of three input channels, tiles in colour (height, width, 3), as many in a row as there are rows. Of
        any other number, a row a filter, of its tiles (height, width), one an input channel.
    """
    channels, filters = kernel.shape[2:]
    if channels == 3:
        return wrapped([stretched(kernel[..., one]) for one in range(min(filters, most))])
    across = min(channels, most)
    tiles = [
        [stretched(kernel[:, :, channel, one]) for channel in range(across)]
        for one in range(min(filters, max(most // across, 1)))
    ]
    return wrapped([tile for row in tiles for tile in row]) if across == 1 else tiles


def map_tiles(image: np.ndarray | None, maps: np.ndarray, most: int = 16) -> list[np.ndarray]:
    """Return an image and the feature maps that a layer makes of it, each stretched to its own range.

    Maps of a single pixel are stretched to the range of all of them.

    Args:
        image: (height, width, channels); drawn where it has 1 or 3 channels. None for none.
        maps: (height, width, channels).
        most: how many maps at most.
    """
    if maps.shape[:2] == (1, 1):  # a pixel alone has no range of its own
        pixels = stretched(maps[0, 0][None])
        tiles = [pixels[:, place : place + 1] for place in range(min(maps.shape[-1], most))]
    else:
        tiles = [stretched(maps[..., channel]) for channel in range(min(maps.shape[-1], most))]
    if image is not None and image.shape[-1] in (1, 3):
        tiles.insert(0, stretched(image[..., 0] if image.shape[-1] == 1 else image))
    return tiles


def wrapped(tiles: list[np.ndarray]) -> list[list[np.ndarray]]:
    """Return tiles in rows, about as many in a row as there are rows."""
    across = int(np.ceil(np.sqrt(len(tiles))))
    return [tiles[start : start + across] for start in range(0, len(tiles), across)]


def grid(rows: list[list[np.ndarray]]) -> np.ndarray:
    """Return rows of tiles as one picture, each tile enlarged by whole factors, two white pixels between.

    Args:
        rows: of tiles, uint8 (height, width) or (height, width, 3), of any sizes.

    Returns:
        uint8 (height, width, 3).
    """
    tiles = [[_enlarged(tile) for tile in row] for row in rows]
    side = max(max(tile.shape[:2]) for row in tiles for tile in row)
    across = max(len(row) for row in tiles)
    picture = np.full((len(tiles) * (side + 2) - 2, across * (side + 2) - 2, 3), BETWEEN, "uint8")
    for down, row in enumerate(tiles):
        for right, tile in enumerate(row):
            top, left = down * (side + 2), right * (side + 2)
            picture[top : top + tile.shape[0], left : left + tile.shape[1]] = tile
    return picture


def _enlarged(tile: np.ndarray) -> np.ndarray:
    """Return a tile in colour, each of its pixels repeated so that its longer side has `TILE` or more."""
    tile = tile if tile.ndim == 3 else np.repeat(tile[..., None], 3, axis=2)
    times = -(-TILE // max(tile.shape[:2]))
    return tile.repeat(times, axis=0).repeat(times, axis=1)
