"""Files of Keras refused by the sizes that they declare, before Keras allocates them."""

import io
import math
import zipfile

import h5py

from kerasnets.errors import UserError
from kerasnets.given_files import check_file, check_memory


def check_keras_file(path):
    """Refuse a .keras or HDF5 file that declares more than it holds, or than fits into memory.

    What is no such file is left to Keras, which says why it cannot read it.

    Raises:
        UserError: no regular file, or one that declares too much.
    """
    check_memory(check_file(path), path)
    try:
        if not zipfile.is_zipfile(path):
            _check_arrays(path, path)
            return
        with zipfile.ZipFile(path) as archive:
            check_memory(sum(member.file_size for member in archive.infolist()), f"{path}: its contents")
            for member in archive.namelist():
                if member.endswith(".h5"):
                    _check_arrays(path, io.BytesIO(archive.read(member)))
    except (OSError, ValueError, KeyError, RuntimeError, zipfile.BadZipFile):
        return


def _check_arrays(path, opened):
    with h5py.File(opened, "r") as file:
        total = 0

        def add(name, found):
            nonlocal total
            if isinstance(found, h5py.Dataset):
                declared = math.prod(found.shape or (0,)) * found.dtype.itemsize
                held = found.id.get_storage_size()
                if declared > held and not found.id.get_create_plist().get_nfilters():
                    raise UserError(
                        f"{path}: {name}: found {held:,} bytes, allowed: the {declared:,} it declares"
                    )
                total += declared

        file.visititems(add)
    check_memory(total, f"{path}: its arrays")
