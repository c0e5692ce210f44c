"""What an export is checked on: images and files, with what the runs in memory predict of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import tensorflow as tf

from kerasnets.catalog.labels import UNKNOWN
from kerasnets.data.images.formats import sniff
from kerasnets.data.images.graph_image import FORMATS
from kerasnets.data.images.image_file import ImageRefusedError, read_image
from kerasnets.data.images.planted_files import planted_files
from kerasnets.files.arrays import write_arrays
from kerasnets.runs.ensemble import answer_threshold, mean_prediction, shared_channels
from kerasnets.runs.trained_run import TrainedRun

MOST_BYTES = 256 * 2**20
"""Bytes of all images once they are decoded: of large photos fewer are taken."""

OF_IMAGE = "of image "
"""What the name of a file begins with that is one of the images, before its number."""


@dataclass(frozen=True, kw_only=True)
class Cases:
    """Inputs of an export and the right predictions.

    Attributes:
        images: raw images, uint8 (height, width, C).
        of_images: float32 (images, classes), predictions of the runs in memory.
        files: encoded images by name, JPEG and PNG: those of `images` that are, and one of each kind.
        of_files: float32 (files, classes).
        refused: encoded images by name that the model must refuse.
        labels: the classes' names, and last what is answered below the threshold; none of numeric targets.
        threshold: the least probability that is answered, 0 to 1.
    """

    images: list[np.ndarray]
    of_images: np.ndarray
    files: dict[str, bytes]
    of_files: np.ndarray
    refused: dict[str, bytes]
    labels: tuple[str, ...] = ()
    threshold: float = 0.0

    def sample(self, most: int, most_bytes: int) -> "Cases":
        """Return cases of fewer images, but of every kind of file.

        Args:
            most: how many of the images, the first ones, are taken at most.
            most_bytes: bytes of all of them, decoded; one is taken whatever it has.
        """
        sizes = np.cumsum([image.nbytes for image in self.images])
        count = max(1, min(most, int((sizes <= most_bytes).sum())))
        numbered = [f"{OF_IMAGE}{number}" for number in range(count)]
        kept = [name in numbered or not name.startswith(OF_IMAGE) for name in self.files]
        return replace(
            self,
            images=self.images[:count],
            of_images=self.of_images[:count],
            files={name: file for (name, file), keep in zip(self.files.items(), kept, strict=True) if keep},
            of_files=self.of_files[np.array(kept, bool)] if self.files else self.of_files,
        )

    def save(self, path: Path, more: Mapping[str, np.ndarray] | None = None) -> None:
        """Write them as a NumPy archive, as `kerasnets.exporting.serving_check` reads it.

        Args:
            path: the file.
            more: other arrays by name, for other readers.
        """
        arrays = {"of_images": self.of_images, "of_files": self.of_files, **(more or {})}
        arrays |= {"labels": np.array(self.labels, "U"), "threshold": np.array(self.threshold, "float32")}
        arrays |= {f"image {number}": image for number, image in enumerate(self.images)}
        arrays |= {f"file {name}": np.frombuffer(file, "uint8") for name, file in self.files.items()}
        arrays |= {f"refused {name}": np.frombuffer(file, "uint8") for name, file in self.refused.items()}
        write_arrays(path, arrays)


def make_cases(
    members: Sequence[TrainedRun], samples: Iterable[bytes | np.ndarray], *, with_files: bool
) -> Cases:
    """Predict samples of the runs' images, and a planted file of each kind.

    Args:
        members: the runs whose predictions are averaged; each reads a file by its own rules.
        samples: bytes of image files, or uint8 arrays (height, width, C).
        with_files: whether encoded files are wanted too.

    Raises:
        OSError: an image file is gone.
    """
    images: list[np.ndarray] = []
    files: dict[str, bytes] = {}
    refused: dict[str, bytes] = {}
    of_images, of_files, room = [], [], MOST_BYTES
    for number, sample in enumerate(samples):
        try:
            pixels = _pixels(members, sample)
        except ImageRefusedError:  # by another member than the one whose split it is in
            continue
        room -= pixels[0].nbytes
        if room < 0 and images:
            break
        images.append(pixels[0])
        of_images.append(mean_prediction(members, [pixels[0]] * len(members)))
        contents = _encoded(sample) if with_files else b""
        if sniff(contents) in FORMATS:
            files[f"{OF_IMAGE}{number}"] = contents
            same = all(np.array_equal(pixels[0], other) for other in pixels[1:])
            of_files.append(of_images[-1] if same else mean_prediction(members, pixels))
    for name, contents in planted_files().items() if with_files else ():
        try:
            if sniff(contents) not in FORMATS:
                raise ImageRefusedError("unsupported_format", sniff(contents))
            of_files.append(mean_prediction(members, _pixels(members, contents)))
            files[name] = contents
        except ImageRefusedError:
            refused[name] = contents
    return Cases(
        images=images,
        of_images=np.array(of_images),
        files=files,
        of_files=np.array(of_files),
        refused=refused,
        labels=() if members[0].numeric else (*members[0].classes, UNKNOWN),
        threshold=answer_threshold(members),
    )


def takes_files(members: Sequence[TrainedRun]) -> bool:
    """Return whether the runs' images can come as files: they have one or three channels."""
    return shared_channels(members) in (1, 3)


def _pixels(members: Sequence[TrainedRun], sample: bytes | np.ndarray) -> list[np.ndarray]:
    """Return the pixels of an image by the rules of each member; an array's are the same for all."""
    if isinstance(sample, bytes):
        return [read_image(sample, trained.image_rules) for trained in members]
    return [sample] * len(members)


def _encoded(sample: bytes | np.ndarray) -> bytes:
    return sample if isinstance(sample, bytes) else tf.io.encode_png(sample).numpy()
