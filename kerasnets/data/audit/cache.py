"""Results of inspections, kept between runs: by path, size and time of the file."""

import json
import logging
import os
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import astuple, fields
from typing import TypeVar

from kerasnets.data.audit.image_checks import VERSION, Inspected, InspectionSettings
from kerasnets.data.cache_folder import cache_folder
from kerasnets.data.images.encoded import EncodedImages

log = logging.getLogger("kerasnets")

Result = TypeVar("Result")
Key = tuple[bytes, int, str, int, int]
"""Path, offset, settings and versions; size and time of the file."""

_TABLE = """CREATE TABLE IF NOT EXISTS inspected (
    path BLOB, offset INTEGER, settings TEXT, size INTEGER, mtime_ns INTEGER, sha256 TEXT, found TEXT,
    PRIMARY KEY (path, offset, settings)) WITHOUT ROWID"""
_FIND = "SELECT found FROM inspected WHERE (path, offset, settings, size, mtime_ns) = (?, ?, ?, ?, ?)"
_KEEP = "INSERT OR REPLACE INTO inspected VALUES (?, ?, ?, ?, ?, ?, ?)"


class InspectionCache:
    """audit.sqlite in the cache folder. Where it cannot be used, nothing is found and nothing kept.

    Several processes may use it at once. A damaged file is replaced by an empty one.
    """

    def __init__(self, settings: InspectionSettings) -> None:
        """Open it, for inspections with these settings by the versions that are installed."""
        self.path = cache_folder() / "audit.sqlite"
        self._settings = " ".join(map(str, (VERSION, *astuple(settings))))
        self._states: dict[str, tuple[int, int] | None] = {}
        self._database: sqlite3.Connection | None = None
        self._replaced = False
        try:
            self._database = self._opened()
        except (OSError, sqlite3.Error) as error:
            self._recover(error)

    def _opened(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        database = sqlite3.connect(self.path, timeout=30)
        try:
            database.execute(_TABLE)
            database.commit()
        except BaseException:
            database.close()
            raise
        return database

    def _attempt(self, action: Callable[[sqlite3.Connection], Result]) -> Result | None:
        """Do something with the database: once more after replacing a damaged one, or else without it."""
        for _ in range(2):
            if self._database is None:
                break
            try:
                return action(self._database)
            except (OSError, sqlite3.DatabaseError) as error:
                self._recover(error)
        return None

    def _recover(self, error: Exception) -> None:
        """Begin a new file where this one is damaged, once; else go on without."""
        self.close()
        damaged = isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError)
        if damaged and not self._replaced:
            self._replaced = True
            log.warning("%s: damaged; a new one is begun", self.path)
            with suppress(OSError, sqlite3.Error):
                self.path.unlink(missing_ok=True)
                self._database = self._opened()
                return
        log.warning("%s: cannot be used (%s): images are inspected anew every time", self.path, error)

    def close(self) -> None:
        """Close the file; it is not used any more."""
        if self._database is not None:
            self._database.close()
        self._database = None

    def key(self, images: EncodedImages, index: int) -> Key | None:
        """Return what identifies an image and its state, or None where its file is not accessible."""
        path = images.path(index)
        if path not in self._states:
            try:
                found = os.stat(path)
                self._states[path] = found.st_size, found.st_mtime_ns
            except OSError:
                self._states[path] = None
        state = self._states[path]
        place = os.fsencode(os.path.abspath(path)), int(images.offset[index]), self._settings
        return state and (*place, *state)

    def find(self, key: Key | None) -> Inspected | None:
        """Return the result kept under a key, or None."""
        if key is None:
            return None
        row = self._attempt(lambda database: database.execute(_FIND, key).fetchone())
        return row and Inspected(**dict(zip(_FIELDS, json.loads(row[0]), strict=True)))

    def keep(self, inspected: Iterable[tuple[Key | None, Inspected]]) -> None:
        """Keep results, each with its key. What could not be read is not kept."""
        rows = [
            (*key, found.sha256, json.dumps(astuple(found)))
            for key, found in inspected
            if key is not None and "unreadable" not in found.problems
        ]

        def insert(database: sqlite3.Connection) -> None:
            with database:
                database.executemany(_KEEP, rows)

        if rows:
            self._attempt(insert)


_FIELDS = [field.name for field in fields(Inspected)]
