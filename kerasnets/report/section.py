"""What a page is made of: sections of words, pictures and tables."""

import re
import zlib
from dataclasses import dataclass

from matplotlib.figure import Figure


@dataclass(frozen=True)
class Picture:
    """A picture of the page.

    Attributes:
        name: of its file, without ending, and its anchor; unique on the page.
        title: what it shows, in a few words.
        drawing: a figure, or the contents of a PNG file.
    """

    name: str
    title: str
    drawing: Figure | bytes


@dataclass(frozen=True)
class Table:
    """A table of the page.

    Attributes:
        columns: headings.
        rows: cells as texts; the first of a row names it.
        title: what it shows, where it is folded; a table without one stands open.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    title: str = ""


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of the page.

    Attributes:
        anchor: its id, to which verdicts link.
        title: its heading.
        caption: what it shows and how to read it.
        notes: more about it, a line each.
        pictures: in order; on wide screens several stand side by side.
        tables: below the pictures.
        folded: titles and texts of what can be unfolded, shown as they are.
    """

    anchor: str
    title: str
    caption: str = ""
    notes: tuple[str, ...] = ()
    pictures: tuple[Picture, ...] = ()
    tables: tuple[Table, ...] = ()
    folded: tuple[tuple[str, str], ...] = ()


def anchor_of(label: str) -> str:
    """Return a name as it can stand in ids and file names; names that differ stay different."""
    plain = re.sub(r"[^A-Za-z0-9_-]", "_", label)
    return plain if plain == label else f"{plain}-{zlib.crc32(label.encode()):08x}"
