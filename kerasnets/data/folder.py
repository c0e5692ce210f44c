"""A folder of images: one folder a class, with or without train, val and test above them."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from kerasnets.data.audit.entries import leads_upwards, listed, unusable
from kerasnets.data.audit.kinds import Finding
from kerasnets.data.dataset import Dataset, Split
from kerasnets.data.encoded import EncodedImages
from kerasnets.errors import UserError

SPLITS = {"train": ("train",), "validation": ("val", "validation"), "test": ("test",)}


def read_folder(path, channels):
    """List PATH/CLASS/image files, or PATH/{train,val,test}/CLASS/image files. No image is opened.

    Links are followed, but none that leads upwards. What cannot be an image, or lies where none belongs, is
    left out and becomes a finding of the dataset: an audit says it, or refuses it.

    Args:
        path: the folder.
        channels: 1 (grayscale) or 3 (RGB), what images are decoded to.

    Raises:
        UserError: no such folder, or fewer than two classes that have images.
    """
    root = Path(path)
    if not root.is_dir():
        raise UserError(f"{root}: no such folder")
    findings = []
    folders = _split_folders(root, findings)
    listings = {split: _list_classes(folder, split, findings) for split, folder in folders.items()}
    names = sorted({name for listing in listings.values() for name in listing}, key=os.fsencode)
    full = [name for name in names if any(listing.get(name) for listing in listings.values())]
    if len(full) < 2:
        found = ", ".join(map(_class_name, full)) or "none"
        raise UserError(
            f"{folders['train']}: found class folders with images: {found}; allowed: two or more, one a class"
        )
    for name in names:
        if name not in full:
            place = next(folders[split] for split, listing in listings.items() if name in listing)
            findings.append(
                Finding("empty_class", str(place / name), "no images", class_name=_class_name(name))
            )
    splits = {split: _split(listing, names) for split, listing in listings.items()}
    classes = tuple(map(_class_name, names))
    return Dataset(classes, (None, None, channels), **splits, findings=tuple(findings))


def _split_folders(root, findings):
    """Return the folder of each split there is; a folder without "train" holds the classes itself."""
    folders = {}
    for split, names in SPLITS.items():
        there = [root / name for name in names if (root / name).is_dir()]
        folders |= {split: there[0]} if there else {}
    if "train" not in folders:
        return {"train": root}
    names, hidden = listed(root)
    findings += hidden
    findings += [_stray(root / name) for name in names if root / name not in folders.values()]
    return folders


def _list_classes(folder, split, findings):
    """Return a dict of class folder to the paths of its images."""
    names, hidden = listed(folder)
    findings += hidden
    listing = {}
    for name in names:
        path = folder / name
        if path.is_dir() and not leads_upwards(path):
            listing[name] = _list_images(path, split, findings)
        else:
            findings.append(_stray(path))
    return listing


def _list_images(folder, split, findings):
    names, hidden = listed(folder)
    place = {"split": split, "class_name": _class_name(folder.name)}
    findings += [replace(finding, **place) for finding in hidden]
    images = []
    for path in (str(folder / name) for name in names):
        problem = unusable(path)
        if problem:
            findings.append(Finding(problem[0], path, problem[1], **place))
        else:
            images.append(path)
    return images


def _stray(path):
    """Return the finding about something that lies where only folders belong."""
    kind, detail = unusable(path) or ("file_without_label", "an image that lies in no class folder")
    return Finding(kind, str(path), detail)


def _class_name(name):
    """Return a folder's name as text that can be written anywhere, whatever bytes it is made of."""
    return os.fsencode(name).decode("utf-8", "replace")


def _split(listing, names):
    images = [path for name in names for path in listing.get(name, ())]
    labels = [label for label, name in enumerate(names) for _ in listing.get(name, ())]
    return Split(EncodedImages.of_files(images), np.array(labels, "int64"))
