"""What an export is checked on: images and files, with what the runs in memory predict of them."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from kerasnets.data.images.formats import sniff
from kerasnets.data.images.graph_image import FORMATS
from kerasnets.data.images.image_file import ImageRefusedError, read_image
from kerasnets.data.images.planted_files import planted_files
from kerasnets.runs.ensemble import mean_of, shared_channels
from kerasnets.runs.trained_run import TrainedRun

MOST_PIXELS = 256 * 2**20
"""Bytes of all decoded images: of photos that are larger fewer are looked at."""


@dataclass(frozen=True)
class Cases:
    """Inputs of an export and the right answers.

    Attributes:
        images: raw images, a list of uint8 arrays (height, width, C).
        of_images: float32 (images, classes), predictions of the runs in memory.
        files: encoded images by name, JPEG and PNG: those of `images` that are, and one of each kind.
        of_files: float32 (files, classes).
        refused: encoded images by name that the model must refuse.
    """

    images: list
    of_images: np.ndarray
    files: dict
    of_files: np.ndarray
    refused: dict

    def save(self, path):
        """Write them as a NumPy archive, as `kerasnets.exporting.serving_check` reads it."""
        named = {f"image {number}": image for number, image in enumerate(self.images)}
        named |= {f"file {name}": np.frombuffer(file, "uint8") for name, file in self.files.items()}
        named |= {f"refused {name}": np.frombuffer(file, "uint8") for name, file in self.refused.items()}
        np.savez(path, of_images=self.of_images, of_files=self.of_files, **named)


def make_cases(members: list[TrainedRun], stored: Iterable[bytes | np.ndarray], with_files: bool) -> Cases:
    """Predict real images, as they are stored, and a planted file of each kind.

    Args:
        members: whose predictions are averaged; each reads a file by its own rules.
        stored: bytes of image files, or uint8 arrays (height, width, C).
        with_files: whether encoded files are wanted too.

    Raises:
        OSError: an image file is gone.
    """
    images, of_images, files, of_files, refused, room = [], [], {}, [], {}, MOST_PIXELS
    for number, image in enumerate(stored):
        try:
            pixels = _pixels(members, image) if isinstance(image, bytes) else [image] * len(members)
        except ImageRefusedError:  # by another member than that whose split it is in
            continue
        room -= pixels[0].nbytes
        if room < 0 and images:
            break
        images.append(pixels[0])
        of_images.append(_predicted(members, [pixels[0]] * len(members)))
        contents = image if isinstance(image, bytes) else _as_png(image, with_files)
        if with_files and sniff(contents) in FORMATS:
            files[f"of image {number}"] = contents
            same = all(np.array_equal(pixels[0], other) for other in pixels[1:])
            of_files.append(of_images[-1] if same else _predicted(members, pixels))
    for name, contents in planted_files().items() if with_files else ():
        try:
            if sniff(contents) not in FORMATS:
                raise ImageRefusedError("unsupported_format", sniff(contents))
            of_files.append(_predicted(members, _pixels(members, contents)))
            files[name] = contents
        except ImageRefusedError:
            refused[name] = contents
    return Cases(images, np.array(of_images), files, np.array(of_files), refused)


def _pixels(members, contents):
    """Return a file's pixels by the rules of each member."""
    return [read_image(contents, trained.image_rules) for trained in members]


def _predicted(members, pixels):
    """Return the mean prediction (classes,) of one image, as each member sees it."""
    answers = [
        trained.predict(trained.preprocessing(image[None]))
        for trained, image in zip(members, pixels, strict=True)
    ]
    return np.asarray(mean_of(answers))[0]


def _as_png(image, wanted):
    return tf.io.encode_png(image).numpy() if wanted else b""


def takes_files(members: list[TrainedRun]) -> bool:
    """Return whether the runs' images can come as files: one or three channels."""
    return shared_channels(members) in (1, 3)
