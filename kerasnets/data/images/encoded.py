"""Images that stay encoded until they are needed: bytes in files of their own, or within larger files."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

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
        orientation: uint8 (N,), EXIF orientations (1 to 8) by which pixels are turned upright; 1 where they
            are upright or are to be left as they are.
        converted: bool (N,), whether an image's pixels are `converted_pixels` of
            `kerasnets.data.images.conversion`, not what TensorFlow decodes; None where no image's are.
        on_white, significant_bits: arguments of that function.
    """

    files: tuple[str, ...]
    file: np.ndarray
    offset: np.ndarray
    length: np.ndarray
    orientation: np.ndarray
    converted: np.ndarray | None = None
    on_white: bool = True
    significant_bits: int = 16

    @classmethod
    def of_files(
        cls, paths: Sequence[str | Path], orientation: Sequence[int] | np.ndarray | None = None
    ) -> "EncodedImages":
        """Return images that are a file each; by default they are upright."""
        count = len(paths)
        return cls(
            tuple(map(str, paths)),
            np.arange(count, dtype="int32"),
            np.zeros(count, "int64"),
            np.full(count, -1, "int64"),
            np.ones(count, "uint8") if orientation is None else np.asarray(orientation, "uint8"),
        )

    def __len__(self) -> int:
        return len(self.file)

    def __getitem__(self, indices: np.ndarray) -> "EncodedImages":
        """Return the images at `indices` only; the files stay as they are."""
        return replace(
            self,
            file=self.file[indices],
            offset=self.offset[indices],
            length=self.length[indices],
            orientation=self.orientation[indices],
            converted=None if self.converted is None else self.converted[indices],
        )

    @property
    def any_converted(self) -> bool:
        """Whether any image is to be converted."""
        return self.converted is not None and bool(self.converted.any())

    @property
    def conversion(self) -> dict[str, Any]:
        """Keyword arguments for `converted_pixels` and `converted_file`."""
        return {"on_white": self.on_white, "significant_bits": self.significant_bits}

    def path(self, index: int) -> str:
        """Return the path of the file that image `index` lies in."""
        return self.files[self.file[index]]

    def read(self, index: int) -> bytes:
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
            raise OSError(f"{self.path(index)}: ends inside the image at byte {self.offset[index]}")
        return contents
