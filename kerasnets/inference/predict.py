"""What finished runs say of image files."""

import logging
import os
from pathlib import Path

import numpy as np
import pandas as pd

from kerasnets.data.images.formats import is_image_name
from kerasnets.data.images.image_file import ImageRefusedError, read_image
from kerasnets.data.listings.directory_entries import listed, problem_of
from kerasnets.errors import UserError, printable
from kerasnets.runs.ensemble import mean_of, open_runs, shared_channels

log = logging.getLogger("kerasnets")


def predict_files(runs, images, top):
    """Predict classes or numbers of image files; see `kerasnets.predict`."""
    members = open_runs(runs, "predict")
    rules = [_rules(trained, shared_channels(members)) for trained in members]
    first, rows, refused = members[0], [], {}
    for path in _files(images):
        try:
            pixels = _read_each(path, rules)
        except ImageRefusedError as error:
            refused[path] = str(error)
            log.warning("%s: %s", printable(path), printable(refused[path]))
            continue
        answers = np.asarray(_averaged(members, rules, pixels))[0]
        if first.numeric:
            values = map(float, answers)
            rows += [(path, name, value) for name, value in zip(first.classes, values, strict=True)]
        else:
            best = np.argsort(-answers, kind="stable")[:top]
            rows += [
                (path, rank, first.classes[label], float(answers[label]))
                for rank, label in enumerate(best, 1)
            ]
    if not rows:
        path, reason = next(iter(refused.items()))
        raise UserError(f"{printable(path)}: {printable(reason)}; no image is left to predict")
    names = ["target", "value"] if first.numeric else ["rank", "label", "probability"]
    table = pd.DataFrame(rows, columns=["image", *names])
    table.attrs["refused"] = refused
    return table


def _rules(trained, channels):
    """Return how a run reads image files."""
    if channels not in (1, 3):
        raise UserError(f"{trained.directory}: takes images of {channels} channels, image files have 1 or 3")
    return trained.image_rules


def _files(images):
    """Return the files that paths name, in order: of a folder all images in it and in the folders below."""
    paths = [images] if isinstance(images, str | os.PathLike) else list(images)
    files = []
    for path in map(os.fspath, paths):
        found = _images_in(path) if os.path.isdir(path) else [path]
        if not found:
            raise UserError(f"{printable(path)}: found no image in this folder, allowed: one or more")
        files += found
    if not files:
        raise UserError("predict: found no image, allowed: image files, or folders of them")
    return files


def _images_in(folder):
    """Return the images below a folder, by their names' bytes; hidden ones and linked folders are not."""
    files, folders = [], []
    for name in listed(folder)[0]:
        path = os.path.join(folder, name)
        if os.path.isdir(path):
            folders += [] if os.path.islink(path) else _images_in(path)
        elif is_image_name(name):
            files.append(path)
    return files + folders


def _read_each(path, rules):
    """Return the pixels that a file has by each of `rules`: a dict, as an ensemble's runs may share them.

    Raises:
        ImageRefusedError: rules that refuse it; a path that is no readable file.
    """
    problem = problem_of(path) if os.path.lexists(path) else ("unreadable", "no such file")
    if problem:
        raise ImageRefusedError(*problem)
    try:
        contents = Path(path).read_bytes()
    except OSError as error:
        raise ImageRefusedError("unreadable", error.strerror) from None
    pixels = {}
    for one in rules:
        key = repr(one)
        pixels[key] = pixels[key] if key in pixels else read_image(contents, one)
    return pixels


def _averaged(members, rules, pixels):
    """Return the mean of the runs' answers for one image (1, classes)."""
    pairs = zip(members, rules, strict=True)
    return mean_of(
        [trained.predict(trained.preprocessing(pixels[repr(one)][None])) for trained, one in pairs]
    )
