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
        links: for each row the id that its first cell leads to, or empty.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    title: str = ""
    links: tuple[str, ...] = ()


@dataclass(frozen=True)
class Shot:
    """A small picture of an image.

    Attributes:
        jpeg: a JPEG file in base64; empty where there is nothing to show.
        lines: its captions.
        tiny: whether it has so few pixels that each is to be seen.
    """

    jpeg: str
    lines: tuple[str, ...]
    tiny: bool = False


@dataclass(frozen=True)
class Group:
    """Small pictures that are shown once a link to them is opened.

    Attributes:
        anchor: its id, to which cells and rows of tables link; unique on the page.
        title: what they have in common.
        shots: the pictures.
    """

    anchor: str
    title: str
    shots: tuple[Shot, ...]


@dataclass(frozen=True)
class Cell:
    """A cell of a matrix.

    Attributes:
        count: what stands in it; empty for nothing.
        share: how strongly it is coloured, 0 to 1.
        title: text that is shown where the mouse rests on it.
        link: the id it leads to, or empty.
    """

    count: str = ""
    share: float = 0.0
    title: str = ""
    link: str = ""


@dataclass(frozen=True)
class Matrix:
    """A square table whose cells are coloured.

    Attributes:
        corner: what rows and columns are.
        names: of the columns.
        rows: of each row its name and its cells.
    """

    corner: str
    names: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of the page.

    Attributes:
        anchor: its id, to which verdicts link.
        title: its heading.
        caption: what it shows and how to read it.
        notes: more about it, a line each.
        pictures: in order; on wide screens several stand side by side.
        matrix: below the pictures.
        gallery: small pictures of images, below those.
        tables: below the pictures.
        groups: small pictures of images that links of the matrix and the tables open.
        folded: titles and texts of what can be unfolded, shown as they are.
    """

    anchor: str
    title: str
    caption: str = ""
    notes: tuple[str, ...] = ()
    pictures: tuple[Picture, ...] = ()
    matrix: Matrix | None = None
    gallery: tuple[Shot, ...] = ()
    tables: tuple[Table, ...] = ()
    groups: tuple[Group, ...] = ()
    folded: tuple[tuple[str, str], ...] = ()


def anchor_of(label: str) -> str:
    """Return a name as it can stand in ids and file names; names that differ stay different."""
    plain = re.sub(r"[^A-Za-z0-9_-]", "_", label)
    return plain if plain == label else f"{plain}-{zlib.crc32(label.encode()):08x}"
