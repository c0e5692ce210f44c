"""A state dict, tensors by name, from the files that networks' weights are published in."""

import logging
import zipfile
from collections.abc import Callable
from os import PathLike
from pathlib import Path

import numpy as np
import safetensors

from kerasnets.errors import UserError
from kerasnets.files.arrays import read_arrays
from kerasnets.files.user_files import check_file, check_memory
from kerasnets.weights.formats.tensors import elements_of
from kerasnets.weights.formats.torch_file import read_torch_file
from kerasnets.weights.formats.wrapping import unwrapped_names

log = logging.getLogger("kerasnets")

SAFETENSORS = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U8": "uint8",
    "BOOL": "bool",
}
"""The element types of the safetensors format that weights come in."""


def read_state(path: str | PathLike[str]) -> dict[str, np.ndarray]:
    """Return the tensors of a weight file as arrays by name.

    The content decides the kind, not the name: a PyTorch file of either format (.pth, .pt, .bin),
    safetensors, or a NumPy archive. Half precision and bfloat16 become float32; other types stay.
    `unwrapped_names` removes what wrappers put before the names, and a log line says so.

    Raises:
        UserError: no such file, one of another kind, a damaged one, one that holds more than tensors, or
            several networks.
    """
    state = _reader(path)(path)
    if not state:
        raise UserError(f"{path}: found no tensors, allowed: at least one")
    state, removed = unwrapped_names(path, state)
    if removed:
        log.info("%s: %s", path, removed)
    return {
        name: array.astype("float32") if array.dtype == "float16" else array for name, array in state.items()
    }


def _reader(path: str | PathLike[str]) -> Callable[[str | PathLike[str]], dict[str, np.ndarray]]:
    """Return the function that reads the file, by its first bytes."""
    check_memory(check_file(path), path)
    try:
        with open(path, "rb") as file:
            start = file.read(9)
    except OSError as error:
        raise UserError(f"{path}: not readable: {error.strerror}") from error
    if start.startswith(b"PK"):
        return read_arrays if _holds_arrays(path) else read_torch_file
    if start[4:] == b"\0\0\0\0{":  # a header of JSON after its length, which is below 100 MB
        return _read_safetensors
    if start.startswith(b"\x80"):
        return read_torch_file
    raise UserError(
        f"{path}: found another kind of file, allowed: PyTorch (.pth, .pt, .bin; "
        "not the tar files of its first versions), .safetensors, .npz"
    )


def _holds_arrays(path: str | PathLike[str]) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return all(name.endswith(".npy") for name in archive.namelist())
    except (OSError, ValueError, RuntimeError, zipfile.BadZipFile):
        return Path(path).suffix == ".npz"  # damaged; its reader says in what way


def _read_safetensors(path: str | PathLike[str]) -> dict[str, np.ndarray]:
    state = {}
    try:
        for name, tensor in safetensors.deserialize(Path(path).read_bytes()):
            if tensor["dtype"] not in SAFETENSORS:
                raise ValueError(f"{name}: found {tensor['dtype']}, allowed: {', '.join(SAFETENSORS)}")
            elements = elements_of(tensor["data"], SAFETENSORS[tensor["dtype"]])
            state[name] = np.require(elements.reshape(tensor["shape"]), requirements="W")
    except (OSError, ValueError, safetensors.SafetensorError) as error:
        reason = " ".join(str(error).split())[:400]
        raise UserError(f"{path}: not readable as safetensors: {reason}") from error
    return state
