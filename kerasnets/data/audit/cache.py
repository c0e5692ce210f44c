"""Results of inspections, kept between runs: by path, size and time of the file."""

import json
import logging
import os
import sqlite3
from dataclasses import astuple, fields

from kerasnets.data.audit.image_checks import VERSION, Inspected
from kerasnets.data.cache_folder import cache_folder

log = logging.getLogger("kerasnets")

_TABLE = """CREATE TABLE IF NOT EXISTS inspected (
    path BLOB, offset INTEGER, settings TEXT, size INTEGER, mtime_ns INTEGER, sha256 TEXT, found TEXT,
    PRIMARY KEY (path, offset, settings)) WITHOUT ROWID"""
_FIND = "SELECT found FROM inspected WHERE (path, offset, settings, size, mtime_ns) = (?, ?, ?, ?, ?)"
_KEEP = "INSERT OR REPLACE INTO inspected VALUES (?, ?, ?, ?, ?, ?, ?)"


class InspectionCache:
    """audit.sqlite in the cache folder. Where it cannot be used, nothing is found and nothing kept.

    Several processes may use it at once. A damaged file is replaced by an empty one.
    """

    def __init__(self, settings):
        """Open it, for inspections with these settings (integers) by the versions that are installed."""
        self.path = cache_folder() / "audit.sqlite"
        self._settings = " ".join(map(str, (VERSION, *settings)))
        self._states, self._database = {}, None
        self._attempt(self._open)

    def _open(self):
        self.close()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(self.path, timeout=30)
        self._database.execute(_TABLE)
        self._database.commit()

    def _attempt(self, action, *arguments):
        """Do something with the database: once more after replacing a damaged one, or else without it."""
        for last in (False, True):
            try:
                return action(*arguments)
            except sqlite3.DatabaseError as error:
                damaged = not isinstance(error, sqlite3.OperationalError)
                if last or not damaged or not self._replace():
                    return self._do_without(error)
            except OSError as error:
                return self._do_without(error)
        return None

    def _replace(self):
        log.warning("%s: damaged; a new one is begun", self.path)
        try:
            self.close()
            self.path.unlink(missing_ok=True)
            self._open()
        except (OSError, sqlite3.Error):
            return False
        return True

    def _do_without(self, error):
        log.warning("%s: cannot be used (%s): images are inspected anew every time", self.path, error)
        self.close()

    def close(self):
        """Close the file; it is not used any more."""
        if self._database is not None:
            self._database.close()
        self._database = None

    def key(self, images, index):
        """Return what identifies an image and its state, or None where its file cannot be looked at."""
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

    def find(self, key):
        """Return the `Inspected` kept under a key, or None."""
        if self._database is None or key is None:
            return None
        return self._attempt(self._find, key)

    def _find(self, key):
        row = self._database.execute(_FIND, key).fetchone()
        return row and Inspected(**dict(zip(_FIELDS, json.loads(row[0]), strict=True)))

    def keep(self, inspected):
        """Keep results: pairs of key and `Inspected`. What could not be read is not kept."""
        rows = [
            (*key, found.sha256, json.dumps(astuple(found)))
            for key, found in inspected
            if key is not None and "unreadable" not in found.problems
        ]
        if self._database is not None and rows:
            self._attempt(self._keep, rows)

    def _keep(self, rows):
        with self._database:
            self._database.executemany(_KEEP, rows)


_FIELDS = [field.name for field in fields(Inspected)]
