"""NumPy archives, read whole or refused in one line; never unpickled."""

import math
import os
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO, BinaryIO

import numpy as np

from kerasnets.errors import UserError
from kerasnets.files.user_files import check_file, check_memory
from kerasnets.files.whole_files import whole_file

# what np.load and zipfile raise for other, cut off or altered files
DAMAGED = (
    *(OSError, ValueError, EOFError, AttributeError, TypeError, KeyError, RuntimeError, MemoryError),
    *(zipfile.BadZipFile, zlib.error, struct.error),
)


def read_arrays(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Return the arrays of an .npz file by name.

    Raises:
        UserError: no such file, not an archive of plain arrays, a damaged one, or one that declares more than
            it holds or than fits into memory, which is found before memory of that size is allocated.
    """
    check_file(path)
    try:
        # opened here, because np.load leaves a file open that turns out to be no archive
        with open(path, "rb") as file:
            _check_declared(path, file)
            file.seek(0)
            with np.load(file, allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
        if not all(isinstance(array, np.ndarray) for array in arrays.values()):
            raise ValueError("it holds other things than arrays")
        return arrays
    except DAMAGED as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(f"{path}: not readable as a NumPy archive: {reason}") from error


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays by name as an .npz file, whole or not at all; `read_arrays` reads it."""
    with whole_file(path) as temporary:
        # mypy takes any of the names for that of the parameter `allow_pickle`
        np.savez(temporary, **arrays)  # type: ignore[arg-type]


def _check_declared(path: str | os.PathLike, file: BinaryIO) -> None:
    """Refuse an archive by what its headers declare."""
    start = file.read(6)
    if start == b"\x93NUMPY":
        raise UserError(f"{path}: found a single array (.npy), allowed: an archive of named arrays (.npz)")
    if start.startswith(b"\x80"):
        raise UserError(f"{path}: found a pickle, which could run anything, allowed: an archive (.npz)")
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        check_memory(sum(member.file_size for member in members), f"{path}: its arrays")
        for member in members:
            if member.filename.endswith(".npy"):
                with archive.open(member) as opened:
                    _check_array(path, member, opened)


def _check_array(path: str | os.PathLike, member: zipfile.ZipInfo, opened: IO[bytes]) -> None:
    name = member.filename.removesuffix(".npy")
    read_header = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(np.lib.format.read_magic(opened))
    if read_header is None:
        raise ValueError(f"{name} is of another version of the format")
    shape, _, dtype = read_header(opened)
    if dtype.hasobject:
        raise UserError(f"{path}: {name}: found Python objects, allowed: an array of numbers or of text")
    declared, held = math.prod(shape) * dtype.itemsize, member.file_size - opened.tell()
    if declared != held:
        raise ValueError(f"{name} declares {declared:,} bytes and holds {held:,}")
