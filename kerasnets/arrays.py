"""NumPy archives, read whole or refused in one line; never unpickled."""

import struct
import zipfile
import zlib

import numpy as np

from kerasnets.errors import UserError

# what np.load and zipfile raise for other, cut off or altered files
DAMAGED = (
    *(OSError, ValueError, EOFError, AttributeError, TypeError, KeyError, RuntimeError, MemoryError),
    *(zipfile.BadZipFile, zlib.error, struct.error),
)


def read_arrays(path):
    """Return the arrays of an .npz file by name.

    Raises:
        UserError: no such file, not an archive of plain arrays, or a damaged one.
    """
    try:
        # opened here, because np.load leaves a file open that turns out to be no archive
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        if not all(isinstance(array, np.ndarray) for array in arrays.values()):
            raise ValueError("it holds other things than arrays")
        return arrays
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except DAMAGED as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(f"{path}: not readable as a NumPy archive: {reason}") from error
