"""Small pictures of a split's images, as long as there is room for them on the page."""

import base64

from kerasnets.data.dataset import Split
from kerasnets.data.thumbnails import small_pixels, thumbnail
from kerasnets.errors import printable
from kerasnets.judgement.judge import names_of
from kerasnets.report.drawing import short
from kerasnets.report.section import Shot

TINY = 64
"""Pixels a side below which an image's pixels are seen one by one."""

LONGEST_NAME = 60
"""Characters of an image's name; of a longer one the middle is left out."""


class Album:
    """Makes small pictures of a split's images.

    Args:
        split: the images.
        room: bytes that pictures may take on the page; whoever can do without looks whether any are left.

    Attributes:
        room: bytes that are left; below 0 once there are none.
    """

    def __init__(self, split: Split, room: int) -> None:
        self.room = room
        self._split, self._names = split, names_of(split)

    def shot(self, index: int, *lines: str) -> Shot:
        """Return the picture of an image, with its name and what else is known of it."""
        pixels = small_pixels(self._split.images, index)
        jpeg = "" if pixels is None else base64.b64encode(thumbnail(pixels)).decode("ascii")
        self.room -= len(jpeg)
        name = printable(short(self._names[index], LONGEST_NAME))
        return Shot(jpeg, (name, *lines), tiny=pixels is not None and max(pixels.shape[:2]) < TINY)
