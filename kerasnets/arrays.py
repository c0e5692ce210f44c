"""NumPy archives, read whole or refused in one line; never unpickled."""

import zipfile
import zlib

import numpy as np

from kerasnets.errors import UserError

# what np.load and zipfile raise for other, cut off or altered files
DAMAGED = (OSError, ValueError, EOFError, AttributeError, TypeError, zipfile.BadZipFile, zlib.error)


def read_arrays(path):
    """Return the arrays of an .npz file by name.

    Raises:
        UserError: no such file, not an archive of plain arrays, or a damaged one.
    """
    try:
        # opened here, because np.load leaves a file open that turns out to be no archive
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (
        OSError,
        ValueError,
        EOFError,
        AttributeError,
        TypeError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(f"{path}: not readable as a NumPy archive: {reason}") from error
