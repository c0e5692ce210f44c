"""audit.csv and audit.html: every finding in a table, and the first ones on a page with their images."""

import base64
import os
from importlib.resources import files
from pathlib import Path

import jinja2
import numpy as np

from kerasnets.catalog.audit_kinds import DONE, KINDS
from kerasnets.data.audit.result import Audit
from kerasnets.data.images.encoded import EncodedImages
from kerasnets.data.thumbnails import thinned_pixels, thumbnail
from kerasnets.errors import printable
from kerasnets.files.tables import unexecuted
from kerasnets.files.whole_files import write_text

ON_PAGE = 500
"""Findings that the page lists; the table has them all."""


_UNSEEN = ("bomb", "unreadable", "empty_file", "unsupported_format")
"""Kinds whose images are not read for the page."""


def write_audit(folder: str | os.PathLike[str], audit: Audit) -> Path:
    """Write audit.csv and audit.html.

    Characters of file names that cannot be printed are escaped in both; in the table an apostrophe stands
    before what a spreadsheet would take for a formula.

    Args:
        folder: where to write them, created if need be.
        audit: the findings.

    Returns:
        The page's path.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    table = audit.table.map(printable)
    write_text(folder / "audit.csv", unexecuted(table).to_csv(index=False))
    template = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string(
        files(__package__).joinpath("page.html").read_text(encoding="utf-8")
    )
    by_class = audit.counts_by_class()
    rows = zip(table.to_dict("records"), audit.pictures, strict=True)
    page = template.render(
        summary=str(audit).splitlines()[0],
        counts=audit.counts().to_dict("records"),
        meanings={name: kind.meaning for name, kind in KINDS.items()},
        done=DONE,
        class_columns=list(by_class.columns),
        class_rows=[(printable(name) or "-", row.tolist()) for name, row in by_class.iterrows()],
        rows=[(row, _thumbnail(row["kind"], picture)) for row, picture in list(rows)[:ON_PAGE]],
        total=len(table),
    )
    write_text(folder / "audit.html", page)
    return folder / "audit.html"


def _thumbnail(kind: str, picture: tuple[np.ndarray | EncodedImages, int] | None) -> str | None:
    """Return a small JPEG of an image as base64, or None where there is none to show."""
    if picture is None or kind in _UNSEEN:
        return None
    images, index = picture
    pixels = thinned_pixels(images.read(index)) if isinstance(images, EncodedImages) else images[index]
    return None if pixels is None else base64.b64encode(thumbnail(pixels)).decode("ascii")
