"""The tensors of a PyTorch file, read without PyTorch and without running anything the file asks for."""

import io
import logging
import os
import struct
import zipfile
from collections.abc import Callable, Mapping
from os import PathLike
from typing import Any, BinaryIO, Literal

import numpy as np

from kerasnets.errors import UserError
from kerasnets.weights.formats.pickle_program import LONGEST_PICKLE, unpickled
from kerasnets.weights.formats.tensors import Storage, Tensor, elements_of
from kerasnets.weights.formats.wrapping import find_state_dict

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
PROTOCOL_VERSION = 1001
"""How the format that torch wrote before 1.6 begins."""

MOST_COPIES = 4
"""Tensors may share a storage, but together may not be larger than this many times the file."""

log = logging.getLogger("kerasnets")

# what zipfile, pickletools and NumPy raise for other, cut off or altered files
_DAMAGED = (
    OSError,
    EOFError,
    ValueError,
    TypeError,
    IndexError,
    KeyError,
    OverflowError,
    MemoryError,
    RuntimeError,
    struct.error,
    zipfile.BadZipFile,
)

Opened = tuple[Any, Callable[[Storage], np.ndarray]]
"""What a file's pickle makes, and a function that reads the elements of a storage."""


def read_torch_file(path: str | PathLike[str]) -> dict[str, np.ndarray]:
    """Return the state dict that torch.save wrote, as arrays by name, in the file's order.

    Both formats are read: the archive of torch 1.6 and later, and the one before. In a checkpoint
    `find_state_dict` finds the state dict, and a log line names it. bfloat16 becomes float32.

    Raises:
        UserError: no such file, a damaged one, one without a state dict or with several, or one whose pickle
            asks for more than tensors.
    """
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            opened = _open_archive if file.read(2) == b"PK" else _open_legacy
            file.seek(0)
            root, read_storage = opened(file, size)
            tensors, chosen = find_state_dict(path, root)
            if chosen:
                log.info("%s: %s", path, chosen)
            if sum(tensor.nbytes for tensor in tensors.values()) > MOST_COPIES * size:
                raise ValueError(f"its tensors are more than {MOST_COPIES} times the file")
            return _gathered(tensors, read_storage)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except _DAMAGED as error:
        reason = " ".join((str(error) or type(error).__name__).split())[:400]
        raise UserError(f"{path}: not readable as a PyTorch file: {reason}") from error


def _gathered(
    tensors: Mapping[str, Tensor], read_storage: Callable[[Storage], np.ndarray]
) -> dict[str, np.ndarray]:
    """Return the arrays; a storage is read once, and not kept longer than its tensors need it."""
    by_storage: dict[Storage, list[str]] = {}
    for name, tensor in tensors.items():
        by_storage.setdefault(tensor.storage, []).append(name)
    arrays = {}
    for storage, names in by_storage.items():
        elements = read_storage(storage)
        for name in names:
            arrays[name] = tensors[name].taken_from(elements)
    return {name: arrays[name] for name in tensors}


def _open_archive(file: BinaryIO, size: int) -> Opened:
    """A zip archive, nothing compressed: NAME/data.pkl, NAME/data/KEY for each storage, NAME/byteorder."""
    archive = zipfile.ZipFile(file)
    members = {member.filename: member for member in archive.infolist()}
    if any(member.compress_type or member.file_size != member.compress_size for member in archive.infolist()):
        raise ValueError("found compressed members, allowed: stored ones, as torch.save writes")
    if sum(member.file_size for member in archive.infolist()) > size:
        raise ValueError("its members are larger than the file")
    pickles = [name for name in members if name.endswith("/data.pkl") and name.count("/") == 1]
    if not pickles:
        raise ValueError("an archive without data.pkl")
    if members[pickles[0]].file_size > LONGEST_PICKLE:
        raise ValueError(f"data.pkl is longer than {LONGEST_PICKLE} bytes")
    folder = pickles[0].removesuffix("data.pkl")
    byteorder = f"{folder}byteorder"
    order: Literal["<", ">"] = ">" if byteorder in members and archive.read(byteorder) == b"big" else "<"
    root, _ = unpickled(io.BytesIO(archive.read(pickles[0])))

    def read_storage(storage: Storage) -> np.ndarray:
        member = members.get(f"{folder}data/{storage.key}")
        if member is None or member.file_size != storage.nbytes:
            found = "no such member" if member is None else f"{member.file_size} bytes"
            raise ValueError(f"data/{storage.key[:80]}: found {found}, allowed: {storage.nbytes} bytes")
        return elements_of(archive.read(member), storage.dtype, order)

    return root, read_storage


def _open_legacy(file: BinaryIO, size: int) -> Opened:
    """Five pickles (magic number, version, system, object, storage keys), then the storages, key by key."""
    stream = io.BytesIO(file.read(min(size, LONGEST_PICKLE)))
    if unpickled(stream)[0] != MAGIC_NUMBER:
        raise ValueError("it does not begin with torch's magic number")
    version, _ = unpickled(stream)
    if version != PROTOCOL_VERSION:
        raise ValueError(f"found another format version, allowed: {PROTOCOL_VERSION}")
    unpickled(stream)  # the writer's byte order and word sizes; the storages are little-endian all the same
    root, storages = unpickled(stream)
    keys, _ = unpickled(stream)
    starts, position = {}, stream.tell()
    for key in keys:
        storage = storages.get(key) if type(key) is str else None
        file.seek(position)
        (length,) = struct.unpack("<q", file.read(8))
        if storage is None or length != storage.length:
            raise ValueError("its storages are not those that its tensors name")
        starts[key] = position + 8
        position += 8 + storage.nbytes
    if position > size:
        raise ValueError(f"found {size} bytes, allowed: {position} at least; the file is cut off")

    def read_storage(storage: Storage) -> np.ndarray:
        if storage.key not in starts:
            raise ValueError(f"storage {storage.key[:80]!r} is not in the file")
        file.seek(starts[storage.key])
        return elements_of(file.read(storage.nbytes), storage.dtype)

    return root, read_storage
