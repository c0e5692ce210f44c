"""Heat maps as files: for each image a PNG with what speaks for the answer, laid over the image."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

from kerasnets.explaining.heat_maps import heat_mapper
from kerasnets.explaining.overlay import overlaid, picture_of, placed
from kerasnets.explaining.seen_part import Span, seen_part
from kerasnets.files.whole_files import check_writable, whole_file
from kerasnets.runs.trained_run import TrainedRun

NAME_LENGTH = 40
"""Characters of an image's own name that its heat map's has too: with four bytes each they fit any disk."""


@dataclass(frozen=True)
class Explained:
    """What is kept of an image until its heat map is made.

    Attributes:
        inputs: for each run the image as the network sees it, uint8 (h, w, C).
        parts: for each run which rows and columns of the image that is.
        picture: what the heat map is laid over, uint8 (height, width, 3).
    """

    inputs: tuple[np.ndarray, ...]
    parts: tuple[tuple[Span, Span], ...]
    picture: np.ndarray


class HeatMapFiles:
    """Writes heat maps of a run, or the means of several runs' heat maps.

    Args:
        members: the runs.
        folder: where files appear; created if need be.
        method: "grad_cam" or "layer_cam".

    Raises:
        UserError: the folder cannot be used, no such method, or a network without feature maps.
    """

    def __init__(self, members: Sequence[TrainedRun], folder: Path, method: str) -> None:
        self._mappers = [heat_mapper(trained.network, method=method) for trained in members]
        self._members, self._folder = members, folder
        check_writable(folder, "the heat maps")
        folder.mkdir(parents=True, exist_ok=True)

    def prepare(self, pixels: Sequence[np.ndarray], inputs: Sequence[np.ndarray]) -> Explained:
        """Return what is kept of an image.

        Args:
            pixels: for each run the image as it reads it, uint8 (height, width, C).
            inputs: for each run the image as its network sees it, uint8 (h, w, C).
        """
        parts = [
            seen_part(trained.preprocessing, *image.shape[:2])
            for trained, image in zip(self._members, pixels, strict=True)
        ]
        return Explained(tuple(inputs), tuple(parts), picture_of(pixels[0]))

    def write(
        self, batch: Sequence[Explained], outputs: np.ndarray, names: Sequence[tuple[int, str]]
    ) -> list[str]:
        """Write the heat maps of a batch.

        Args:
            batch: the images.
            outputs: int (N,), for each the index of the class, or numeric target, that is explained.
            names: for each its number, from 1, which no other image of the folder has; and its name.

        Returns:
            The paths of the files.
        """
        by_member = [
            mapper(self._values(trained, [each.inputs[index] for each in batch]), outputs)
            for index, (trained, mapper) in enumerate(zip(self._members, self._mappers, strict=True))
        ]
        written = []
        for each, heats, (number, name) in zip(batch, zip(*by_member, strict=True), names, strict=True):
            size = each.picture.shape[0], each.picture.shape[1]
            laid = [placed(heat, part, size) for heat, part in zip(heats, each.parts, strict=True)]
            path = self._folder / heat_map_name(number, name)
            with whole_file(path) as temporary:
                Image.fromarray(overlaid(each.picture, laid)).save(temporary)
            written.append(str(path))
        return written

    @staticmethod
    def _values(trained: TrainedRun, inputs: Sequence[np.ndarray]) -> tf.Tensor:
        return trained.preprocessing.values(tf.cast(np.stack(inputs), tf.float32))


def heat_map_name(number: int, name: str) -> str:
    """Return the name of an image's heat map: "00017-photo.png"; the number makes it the only one.

    Args:
        number: of the image.
        name: the image's path, or empty; what may trouble a disk or a shell becomes "_".
    """
    stem = Path(name).stem[:NAME_LENGTH]
    safe = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in stem)
    return f"{number:05}-{safe}.png" if safe else f"{number:05}.png"
