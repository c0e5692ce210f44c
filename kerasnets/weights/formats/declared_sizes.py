"""Refuse Keras's files that declare more than they hold or than memory has, before Keras allocates it."""

import io
import json
import math
import zipfile
from os import PathLike
from typing import Any, BinaryIO

import h5py
import keras

from kerasnets.errors import UserError
from kerasnets.files.user_files import check_file, check_memory
from kerasnets.sizing.layers import shapes_only


def check_keras_file(path: str | PathLike[str]) -> None:
    """Refuse a .keras or HDF5 file that declares more than it holds, or than fits into memory.

    The network in a .keras file may not have more weights than the file holds numbers. A file of another kind
    passes: Keras says why it cannot read it.

    Raises:
        UserError: not a regular file, or one that declares too much.
    """
    check_memory(check_file(path), path)
    try:
        if not zipfile.is_zipfile(path):
            _check_arrays(path, path)
            return
        with zipfile.ZipFile(path) as archive:
            check_memory(sum(member.file_size for member in archive.infolist()), f"{path}: its contents")
            stored = [io.BytesIO(archive.read(name)) for name in archive.namelist() if name.endswith(".h5")]
            held = sum(_check_arrays(path, opened) for opened in stored)
            config = json.loads(archive.read("config.json"))
    except (OSError, ValueError, KeyError, RuntimeError, zipfile.BadZipFile):
        return
    declared = _weights_declared(config)
    if declared > held:
        raise UserError(
            f"{path}: found {held:,} numbers, allowed: the {declared:,} weights that its network declares"
        )


def _weights_declared(config: dict[str, Any]) -> int:
    """Return how many weights the network of a configuration has, without allocating them."""
    try:
        with shapes_only():
            config.pop("compile_config", None)
            network = keras.saving.deserialize_keras_object(config)
        return sum(math.prod(variable.shape) for variable in network.weights)
    except Exception:  # Keras raises what it likes, and will again when it reads the file
        return 0


def _check_arrays(path: str | PathLike[str], opened: str | PathLike[str] | BinaryIO) -> int:
    """Return how many numbers an HDF5 file holds."""
    with h5py.File(opened, "r") as file:
        total = numbers = 0

        def add(name: str, found: h5py.Group | h5py.Dataset) -> None:
            nonlocal total, numbers
            if isinstance(found, h5py.Dataset):
                count = math.prod((0,) if found.shape is None else found.shape)
                declared = count * found.dtype.itemsize
                held = found.id.get_storage_size()
                if declared > held and not found.id.get_create_plist().get_nfilters():
                    raise UserError(
                        f"{path}: {name}: found {held:,} bytes, allowed: the {declared:,} it declares"
                    )
                total, numbers = total + declared, numbers + count

        file.visititems(add)
    check_memory(total, f"{path}: its arrays")
    return numbers
