"""Images that stay encoded until they are needed: bytes in files of their own, or within larger files."""

import os
from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class EncodedImages:
    """Where the bytes of N encoded images lie.

    A folder of photos has one file an image; packed shards have many images a file. Both are read in any
    order, by index.

    Attributes:
        files: paths of the files, str.
        file: int32 (N,), which of `files`.
        offset: int64 (N,), bytes before the image in that file.
        length: int64 (N,), bytes of the image; -1 for the rest of the file.
        orientation: uint8 (N,), the EXIF orientation (1 to 8) the pixels are turned upright from; 1 where
            they lie upright or are to be left as they are.
        converted: bool (N,), whose pixels are `kerasnets.data.images.conversion.converted_pixels`, not what
            TensorFlow decodes; None where no image is.
        on_white, significant_bits: how these are converted.
    """

    files: tuple
    file: np.ndarray
    offset: np.ndarray
    length: np.ndarray
    orientation: np.ndarray
    converted: np.ndarray | None = None
    on_white: bool = True
    significant_bits: int = 16

    @classmethod
    def of_files(cls, paths, orientation=None):
        """Return images that are one file each."""
        count = len(paths)
        return cls(
            tuple(map(str, paths)),
            np.arange(count, dtype="int32"),
            np.zeros(count, "int64"),
            np.full(count, -1, "int64"),
            np.ones(count, "uint8") if orientation is None else np.asarray(orientation, "uint8"),
        )

    def __len__(self):
        return len(self.file)

    def __getitem__(self, indices):
        """Return the images at `indices` only; the files stay as they are."""
        names = ("file", "offset", "length", "orientation")
        parts = {name: getattr(self, name)[indices] for name in names}
        converted = None if self.converted is None else self.converted[indices]
        return replace(self, **parts, converted=converted)

    @property
    def any_converted(self):
        """Whether there is an image to be converted."""
        return self.converted is not None and bool(self.converted.any())

    @property
    def conversion(self):
        """Keyword arguments for `converted_pixels` and `converted_file`."""
        return {"on_white": self.on_white, "significant_bits": self.significant_bits}

    def path(self, index):
        """Return the path of the file that image `index` lies in."""
        return self.files[self.file[index]]

    def read(self, index):
        """Return the bytes of image `index`.

        Raises:
            OSError: the file is gone or shorter than it was.
        """
        length = int(self.length[index])
        descriptor = os.open(self.path(index), os.O_RDONLY)
        try:
            if length < 0:
                length = os.fstat(descriptor).st_size
            contents = os.pread(descriptor, length, int(self.offset[index]))
        finally:
            os.close(descriptor)
        if len(contents) != length:
            raise OSError(f"{self.path(index)}: ends before the image at byte {self.offset[index]} does")
        return contents
