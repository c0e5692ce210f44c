"""Records in a folder that the program writes: JSON with a format version; whichever is damaged is named."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kerasnets.errors import UserError, reason
from kerasnets.files.whole_files import check_kinds, read_json, write_json

UNSTATED = 1
"""The format version of a record that states none: of files older than format versions."""


class DamagedError(UserError):
    """A file in a run directory, or in the folder of a search, is damaged, missing, or of another run."""


class NewerFormatError(UserError):
    """A file was written by a newer version of this program."""


def write_record(path: Path, version: int, table: dict[str, Any]) -> None:
    """Write a table as JSON that states the version of its format, whole or not at all."""
    write_json(path, {"format": version, **table})


def read_record(path: Path, version: int, **kinds: type | tuple[type, ...]) -> dict[str, Any]:
    """Return the table that `write_record` wrote; one that states no version is of version 1.

    Args:
        path: the JSON file.
        version: the newest version of its format that the caller can read.
        **kinds: the keys that it must have, each with the type of its value, or several in a tuple.

    Raises:
        NewerFormatError: the file is of a later version.
        UserError: no such file, not JSON, no table, or a key is missing or of another type.
    """
    table = read_json(path)
    found = table.pop("format", UNSTATED)
    if type(found) is not int or found < UNSTATED:
        raise UserError(f"{path}: format: found {found!r}, allowed: a whole number from {UNSTATED}")
    if found > version:
        raise NewerFormatError(
            f"{path}: written by a newer kerasnets: format {found}, this one reads up to {version}"
        )
    check_kinds(path, table, kinds)
    return table


@contextmanager
def naming_damage(
    folder: str | os.PathLike, file: str | os.PathLike, *, owner: str = "run"
) -> Iterator[None]:
    """Say in one line which file is damaged, whatever reading it in the block raises.

    Readers of damaged files raise anything: those of Keras, HDF5 and Zip name half a dozen exceptions.

    Args:
        folder: path of the run directory, or of the folder of a search.
        file: path of the file that is read, in that folder.
        owner: "run" or "search", for the message.

    Raises:
        NewerFormatError: the block raised it; it is no damage.
        DamagedError: the block raised anything else; "FOLDER: the run's files are damaged: FILE: what was
            found".
    """
    folder, file = Path(folder), Path(file)
    try:
        yield
    except (DamagedError, NewerFormatError):
        raise
    except Exception as error:
        fault = f"{file.relative_to(folder)}: {reason(error)}"
        # a reader may have named the file already, or one beside it
        for place in (folder, folder.absolute()):
            if str(error).startswith(f"{place}/"):
                fault = reason(error).removeprefix(f"{place}/")
        raise DamagedError(f"{folder}: the {owner}'s files are damaged: {fault}") from error
