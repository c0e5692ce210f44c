"""The picture of originals and of what the network sees of them."""

import numpy as np
import pytest
from PIL import Image

from kerasnets.data.preview import preview_grid


@pytest.mark.parametrize("channels", [1, 3])
def test_a_preview_shows_originals_and_what_is_seen_of_them_in_rows(tmp_path, channels):
    shades = np.array([[30, 90, 120], [200, 230, 160]], "uint8")
    originals = [np.full((5 + row, 40 - 9 * row, channels), shades[row, 0]) for row in range(2)]
    seen = np.broadcast_to(shades[:, 1:, None, None, None], (2, 2, 8, 8, channels))
    preview_grid(originals, seen, tmp_path / "grid.png", rows=["ant", "bee"])
    pixels = np.asarray(Image.open(tmp_path / "grid.png").convert("RGB"))
    found = np.array([[np.argwhere((pixels == shade).all(2)).mean(0) for shade in row] for row in shades])
    assert (np.diff(found[..., 1], axis=1) > 100).all()
    assert (np.diff(found[..., 0], axis=0) > 100).all()
    assert np.ptp(found[..., 0], axis=1).max() < 3
    assert list(tmp_path.iterdir()) == [tmp_path / "grid.png"]
