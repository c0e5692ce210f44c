"""A few images of a run's test split, kept in its directory: an export is checked where the data is not."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from kerasnets.data.dataset import Dataset, Split
from kerasnets.data.images.encoded import EncodedImages
from kerasnets.files.arrays import read_arrays, write_arrays

MOST, MOST_BYTES = 16, 4 * 2**20
"""Images that are kept at most, and bytes of all of them."""


def measured_split(splits: dict[str, Split]) -> Split:
    """Return the split a run was not fitted to: test, else validation; else the training split."""
    return next(splits[name] for name in ("test", "validation", "train") if name in splits)


def sample_images(split: Split, *, most: int, most_bytes: int) -> Iterator[bytes | np.ndarray]:
    """Yield images of a split as they are stored, strided over it: bytes of image files, or uint8 arrays.

    Args:
        split: where they are taken from.
        most: how many images at most.
        most_bytes: bytes of all of them; images that do not fit any more are left out.
    """
    images, room = split.images, most_bytes
    for index in dict.fromkeys(np.linspace(0, len(split) - 1, min(most, len(split))).astype(int).tolist()):
        image = images.read(index) if isinstance(images, EncodedImages) else np.asarray(images[index])
        size = len(image) if isinstance(image, bytes) else image.nbytes
        if size <= room:
            room -= size
            yield image


def write_samples(path: Path, dataset: Dataset) -> None:
    """Write up to 16 images of the split that is measured, of 4 MiB at most, as a NumPy archive."""
    kept = sample_images(measured_split(dataset.splits), most=MOST, most_bytes=MOST_BYTES)
    named = {
        f"{number:02}": np.frombuffer(image, "uint8") if isinstance(image, bytes) else image
        for number, image in enumerate(kept)
    }
    write_arrays(path, named)


def read_samples(path: Path) -> list[bytes | np.ndarray]:
    """Return what `write_samples` wrote, as `sample_images` gave it; nothing where there is no such file.

    Raises:
        UserError: the file is damaged.
    """
    arrays = read_arrays(path) if path.is_file() else {}
    return [array.tobytes() if array.ndim == 1 else array for _, array in sorted(arrays.items())]
