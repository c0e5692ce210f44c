"""What finished runs predict of image files."""

import logging
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from kerasnets.data.images.formats import is_image_name
from kerasnets.data.images.image_file import ImageRefusedError, ImageRules, read_image
from kerasnets.data.listings.directory_entries import listed, problem_of
from kerasnets.errors import UserError, printable
from kerasnets.runs.ensemble import mean_prediction, open_runs, shared_channels
from kerasnets.runs.trained_run import TrainedRun

log = logging.getLogger("kerasnets")


def predict_files(
    runs: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    images: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    top: int,
) -> pd.DataFrame:
    """Predict classes or numbers of image files; see `kerasnets.predict`."""
    members = open_runs(runs, "predict")
    rules = [_rules(trained, shared_channels(members)) for trained in members]
    rows: list[tuple[object, ...]] = []
    refused: dict[str, str] = {}
    for path in _files(images):
        try:
            pixels = _read_by_each(path, rules)
        except ImageRefusedError as error:
            refused[path] = str(error)
            log.warning("%s: %s", printable(path), printable(refused[path]))
            continue
        rows += ((path, *row) for row in _rows(members[0], mean_prediction(members, pixels), top))
    if not rows:
        path, reason = next(iter(refused.items()))
        raise UserError(f"{printable(path)}: {printable(reason)}; no image is left to predict")
    columns = ["target", "value"] if members[0].numeric else ["rank", "label", "probability"]
    table = pd.DataFrame(rows, columns=["image", *columns])
    table.attrs["refused"] = refused
    return table


def _rows(trained: TrainedRun, prediction: np.ndarray, top: int) -> list[tuple[object, ...]]:
    """Return the rows of one image: each target with its value, or the `top` most probable classes."""
    if trained.numeric:
        return list(zip(trained.classes, map(float, prediction), strict=True))
    best = np.argsort(-prediction, kind="stable")[:top]
    return [(rank, trained.classes[label], float(prediction[label])) for rank, label in enumerate(best, 1)]


def _rules(trained: TrainedRun, channels: int) -> ImageRules:
    """Return how a run reads image files."""
    if channels not in (1, 3):
        raise UserError(f"{trained.directory}: takes images of {channels} channels, image files have 1 or 3")
    return trained.image_rules


def _files(images: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> list[str]:
    """Return the files that paths name, in order: of a folder all images in it and in the folders below."""
    paths = [images] if isinstance(images, str | os.PathLike) else list(images)
    files: list[str] = []
    for given in paths:
        path = os.fspath(given)
        found = _images_in(path) if os.path.isdir(path) else [path]
        if not found:
            raise UserError(f"{printable(path)}: found no image in this folder, allowed: one or more")
        files += found
    if not files:
        raise UserError("predict: found no image, allowed: image files, or folders of them")
    return files


def _images_in(folder: str) -> list[str]:
    """Return the images below a folder, by their names' bytes; hidden ones and linked folders are not."""
    files: list[str] = []
    in_folders: list[str] = []
    for name in listed(folder)[0]:
        path = os.path.join(folder, name)
        if os.path.isdir(path):
            in_folders += [] if os.path.islink(path) else _images_in(path)
        elif is_image_name(name):
            files.append(path)
    return files + in_folders


def _read_by_each(path: str, rules: Sequence[ImageRules]) -> list[np.ndarray]:
    """Return the pixels of a file by each of the runs' rules; it is decoded once for rules that are the same.

    Raises:
        ImageRefusedError: rules that refuse it; a path that is no readable file.
    """
    problem = problem_of(path) if os.path.lexists(path) else ("unreadable", "no such file")
    if problem:
        raise ImageRefusedError(*problem)
    try:
        contents = Path(path).read_bytes()
    except OSError as error:
        raise ImageRefusedError("unreadable", error.strerror or str(error)) from None
    different = {repr(each): each for each in rules}
    pixels = {key: read_image(contents, each) for key, each in different.items()}
    return [pixels[repr(each)] for each in rules]
