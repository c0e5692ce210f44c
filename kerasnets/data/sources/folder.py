"""A folder of images: one folder for each class, with or without folders of splits above them."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from kerasnets.catalog.audit_kinds import Finding
from kerasnets.data.dataset import Dataset, Split
from kerasnets.data.images.encoded import EncodedImages
from kerasnets.data.images.formats import is_image_name
from kerasnets.data.listings.directory_entries import leads_upwards, listed, unusable
from kerasnets.data.listings.folder_layout import ALLOWED, find_layout, folders_below
from kerasnets.errors import UserError, few, printable


def read_folder(path: str | Path, channels: int | None = None) -> Dataset:
    """List the images of a folder of class folders, or of such folders for splits. No image is opened.

    The layouts are those of `kerasnets.data.listings.folder_layout`. Images in folders within a class folder
    belong to the class, unless images lie in the class folder itself. Links are followed, but none that leads
    upwards. What cannot be an image, or lies where none belongs, is left out and becomes a finding of the
    dataset, which an audit reports or refuses.

    Args:
        path: the folder.
        channels: 1 (grayscale) or 3 (RGB, the default), what images are decoded to.

    Raises:
        UserError: no such folder, a layout that can be read in several ways or in none, or fewer than two
            classes that have images.
    """
    root = Path(path)
    if not root.is_dir():
        raise UserError(f"{root}: no such folder")
    layout = find_layout(root)
    folders, findings = layout.folders, _strays(layout.between)
    nested: list[Path] = []
    listings = {
        split: _list_classes(folder, split, findings=findings, nested=nested)
        for split, folder in folders.items()
    }
    names = sorted({name for listing in listings.values() for name in listing}, key=os.fsencode)
    full = [name for name in names if any(listing.get(name) for listing in listings.values())]
    if len(full) < 2:
        raise UserError(
            f"{folders['train']}: found {_found_classes(names, full)}; {ALLOWED}, for two classes or more"
        )
    for name in names:
        if name not in full:
            place = next(folders[split] for split, listing in listings.items() if name in listing)
            findings.append(
                Finding("empty_class", str(place / name), "no images", class_name=_class_name(name))
            )
    splits = {split: _split(listing, names) for split, listing in listings.items()}
    classes = tuple(map(_class_name, names))
    notes = (*layout.notes, *_note_on_nested(root, nested))
    return Dataset.of_splits(classes, (None, None, channels or 3), splits, findings=findings, notes=notes)


def _found_classes(names: Sequence[str], full: Sequence[str]) -> str:
    """Return in words which class folders there are, where fewer than two have images."""
    if full:
        return f"images of one class alone, {printable(_class_name(full[0]))}"
    if not names:
        return "no class folders"
    return f"no images in its folders {printable(few(map(_class_name, names), 60))}"


def _note_on_nested(root: Path, nested: Sequence[Path]) -> tuple[str, ...]:
    if not nested:
        return ()
    first = os.path.relpath(nested[0], root)
    folders = f"{len(nested):,} folders, first {first}" if len(nested) > 1 else first
    return (printable(f"{root}: images in folders within a class folder belong to the class: {folders}"),)


def _strays(between: Mapping[Path, set[str]]) -> list[Finding]:
    """Return the findings about what lies beside the folders that lead to the class folders."""
    findings: list[Finding] = []
    for folder, leading in between.items():
        names, hidden = listed(folder)
        findings += hidden
        findings += [_stray(folder / name) for name in names if name not in leading]
    return findings


def _list_classes(
    folder: Path, split: str, *, findings: list[Finding], nested: list[Path]
) -> dict[str, list[str]]:
    """Return a dict of class folder to the paths of its images; append folders within them to `nested`."""
    names, hidden = listed(folder)
    findings += hidden
    listing = {}
    for name in names:
        path = folder / name
        if path.is_dir() and not leads_upwards(path):
            listing[name] = _list_images(path, split, findings=findings, nested=nested)
        else:
            findings.append(_stray(path))
    return listing


def _list_images(folder: Path, split: str, *, findings: list[Finding], nested: list[Path]) -> list[str]:
    names, _ = listed(folder)
    within = [] if any(map(is_image_name, names)) else folders_below(folder)
    nested += within
    leading = {str(path) for inner in within for path in (inner, *inner.parents)}
    class_name = _class_name(folder.name)
    images: list[str] = []
    for inner in (folder, *within):
        names, hidden = listed(inner)
        findings += [replace(finding, split=split, class_name=class_name) for finding in hidden]
        for path in (str(inner / name) for name in names):
            problem = None if path in leading else unusable(path)
            if problem:
                kind, detail = problem
                findings.append(Finding(kind, path, detail, split=split, class_name=class_name))
            elif path not in leading:
                images.append(path)
    return images


def _stray(path: Path) -> Finding:
    """Return the finding about something that lies where only folders belong."""
    kind, detail = unusable(str(path)) or ("file_without_label", "an image outside the class folders")
    return Finding(kind, str(path), detail)


def _class_name(name: str) -> str:
    """Return a folder's name as text that can be written anywhere, whatever bytes it is made of."""
    return os.fsencode(name).decode("utf-8", "replace")


def _split(listing: Mapping[str, list[str]], names: Sequence[str]) -> Split:
    images = [path for name in names for path in listing.get(name, ())]
    labels = [label for label, name in enumerate(names) for _ in listing.get(name, ())]
    return Split(EncodedImages.of_files(images), np.array(labels, "int64"))
