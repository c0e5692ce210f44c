"""What people mean by data in one word: a folder, a table, an archive, or a source's name."""

import os
from pathlib import Path

from kerasnets.catalog.sources import SOURCES
from kerasnets.data.shards.manifest import MANIFEST
from kerasnets.errors import UserError, nearest

BY_SUFFIX = {".csv": "csv", ".tsv": "csv", ".npz": "npz"}
"""Source of a file, by the ending of its name in lower case."""


def source_of_path(path: str | os.PathLike[str]) -> str | None:
    """Return the source that reads a path: of a folder or a file of a known name; None for all else."""
    if Path(path).is_dir():
        return "tfrecord" if Path(path, MANIFEST).is_file() else "folder"
    return BY_SUFFIX.get(Path(path).suffix.lower())


def named_data(what: str | os.PathLike[str]) -> tuple[str, str | None]:
    """Return the source and the path, as a recipe's [data] has them, of a path or a source's name.

    A folder of the name goes before the source.

    Args:
        what: a folder of images or of packed shards, a CSV or NPZ file, or a source that needs no path.

    Raises:
        UserError: it is none of these.
    """
    text = os.fspath(what)
    path = os.path.expanduser(text)
    if source := source_of_path(path):
        return source, path
    alone = [name for name, source in SOURCES.items() if source.path != "required"]
    family, colon, name = text.partition(":")
    if text in alone or (colon and name and f"{family}:NAME" in alone):
        return text, None
    raise UserError(
        f"{text}: found no folder and no such source, allowed: a folder of images, a CSV or NPZ file, or "
        f"{', '.join(alone)}{nearest(text, alone)}"
    )
