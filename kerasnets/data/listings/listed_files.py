"""The image files that a table names: found as they are written, or as other systems write them."""

import os
import re
from pathlib import Path

from kerasnets.data.images.formats import is_image_name
from kerasnets.data.listings.directory_entries import listed
from kerasnets.errors import UserError, few, printable


class ListedFiles:
    """Finds the files that the rows of a table name, and counts the names that needed interpretation.

    A file that is not there may be named with backslashes between folders, as on Windows, or without the
    ending of the one image there of that name.

    Args:
        table: path of the table, for its folder and for messages.
    """

    def __init__(self, table: str | Path) -> None:
        self._table, self._folder = table, os.path.dirname(table)
        self._completed: list[tuple[int, str]] = []
        self._backslashes: list[tuple[int, str]] = []
        self._names: dict[str, dict[str, list[str]]] = {}

    def find(self, row: int, cell: str) -> str:
        """Return the path of the file that a cell names, there or not.

        Raises:
            UserError: the name lacks an ending, and images of several endings are there.
        """
        path = self._joined(cell)
        if os.path.lexists(path):
            return path
        found = self._joined(cell.replace("\\", "/"))
        if not os.path.lexists(found) and not is_image_name(found):
            found = self._with_ending(row, cell, found)
        if not os.path.lexists(found):
            return path
        if "\\" in cell:
            self._backslashes.append((row, cell))
        if found != self._joined(cell.replace("\\", "/")):
            self._completed.append((row, cell))
        return found

    def _joined(self, cell: str) -> str:
        return os.path.normpath(os.path.join(self._folder, cell))

    def _with_ending(self, row: int, cell: str, path: str) -> str:
        folder, name = os.path.split(path)
        if folder not in self._names:
            self._names[folder] = {}
            for there in listed(folder or ".")[0] if os.path.isdir(folder or ".") else ():
                if is_image_name(there):
                    self._names[folder].setdefault(os.path.splitext(there)[0], []).append(there)
        names = self._names[folder].get(name, [])
        if len(names) > 1:
            found = f"found {cell!r}, which may be any of {few(names, 60)}"
            raise UserError(
                printable(f"{self._table}: row {row}, path: {found}; allowed: a name with its ending")
            )
        return os.path.join(folder, names[0]) if names else path

    def notes(self) -> list[str]:
        """Return lines on the names that needed interpretation."""
        counted = {
            "backslashes taken for the / between folders": self._backslashes,
            "names without ending taken for the images there of that name": self._completed,
        }
        return [
            printable(
                f"{self._table}: path: {what}: {len(found):,}, first {found[0][1]!r} in row {found[0][0]}"
            )
            for what, found in counted.items()
            if found
        ]

    def refusal(self, row: int, cell: str, rows: int) -> UserError:
        """Return the error about a table none of whose files is there.

        Args:
            row, cell: the first.
            rows: number of rows.
        """
        place = f"{self._table}: row {row}, path: found {printable(repr(cell))}"
        allowed = f"allowed: paths from {self._folder or 'the folder of the table'}, or absolute ones"
        if re.match(r"[A-Za-z]:[\\/]|\\\\", cell):
            return UserError(f"{place}, a path of Windows; {allowed}")
        others = f", nor any of the {rows - 1:,} others" if rows > 1 else ""
        return UserError(f"{place}: no such file as {printable(self._joined(cell))}{others}; {allowed}")
