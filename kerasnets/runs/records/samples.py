"""A few images of a run's test split, kept in its directory: an export is checked where the data is not."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from kerasnets.data.dataset import Dataset, Split
from kerasnets.data.images.encoded import EncodedImages
from kerasnets.files.arrays import read_arrays
from kerasnets.files.whole_files import whole_file

MOST, MOST_BYTES = 16, 4 * 2**20
"""Images that are kept, and bytes of them all."""


def measured_split(splits: dict[str, Split]) -> Split:
    """Return the split a run was not fitted to: test, else validation; else the training split."""
    return next(splits[name] for name in ("test", "validation", "train") if name in splits)


def stored_images(split: Split, most: int, most_bytes: int) -> Iterator[bytes | np.ndarray]:
    """Yield images of a split as they are stored, strided over it: bytes of image files, or uint8 arrays.

    Args:
        split: the `Split`.
        most: how many images.
        most_bytes: of all of them; images that do not fit any more are left out.
    """
    for index in dict.fromkeys(np.linspace(0, len(split) - 1, min(most, len(split))).astype(int).tolist()):
        encoded = isinstance(split.images, EncodedImages)
        image = split.images.read(index) if encoded else np.asarray(split.images[index])
        size = len(image) if encoded else image.nbytes
        if size <= most_bytes:
            most_bytes -= size
            yield image


def write_samples(path: Path, dataset: Dataset) -> None:
    """Write up to 16 images of the split that is measured, of 4 MiB at most, as a NumPy archive."""
    kept = stored_images(measured_split(dataset.splits), MOST, MOST_BYTES)
    named = {
        f"{number:02}": np.frombuffer(image, "uint8") if isinstance(image, bytes) else image
        for number, image in enumerate(kept)
    }
    with whole_file(path) as temporary:
        np.savez(temporary, **named)


def read_samples(path: Path) -> list[bytes | np.ndarray]:
    """Return what `write_samples` wrote, as `stored_images` gave it; nothing where there is no such file.

    Raises:
        UserError: the file is damaged.
    """
    arrays = read_arrays(path) if path.is_file() else {}
    return [array.tobytes() if array.ndim == 1 else array for _, array in sorted(arrays.items())]
