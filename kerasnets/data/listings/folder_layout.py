"""Which folder holds which split, in the layouts that people have; refused where it cannot be known."""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from kerasnets.data.images.formats import is_image_name
from kerasnets.data.listings.directory_entries import leads_upwards, listed
from kerasnets.errors import UserError, few, printable

NAMES = {
    "train": ("train", "training"),
    "validation": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing"),
}
"""Names of the folder of each split, in upper or lower case, with or without "set" at the end."""

ALLOWED = "allowed: PATH/CLASS/images, or PATH/train/CLASS/images, with val and test beside train"


@dataclass(frozen=True)
class Layout:
    """Where the class folders lie.

    Attributes:
        folders: mapping of split to the folder of its class folders.
        between: mapping of each folder above those to the names in it that lead to them.
        notes: lines on how the folder was read, where that is not obvious.
    """

    folders: dict[str, Path]
    between: dict[Path, set[str]]
    notes: tuple[str, ...] = ()


def split_named(name: str) -> str | None:
    """Return the split of which this is a name, "train", "validation" or "test"; or None."""
    plain = re.sub(r"[ _-]?set$", "", name.casefold())
    return next((split for split, names in NAMES.items() if plain in names), None)


def find_layout(root: Path) -> Layout:
    """Find the class folders below a folder.

    Folders of splits are recognized by their names, see `NAMES`, and hold folders; a class folder of such a
    name holds images. A folder that holds nothing but one other folder, as archives leave, is passed over.

    Args:
        root: the folder, a `pathlib.Path`.

    Returns:
        The `Layout`.

    Raises:
        UserError: more than one layout fits, or none.
    """
    place = root
    between: dict[Path, set[str]] = {}
    while (inner := _only_folder(place)) is not None:
        between[place] = {inner.name}
        place = inner
    splits = _split_folders(place)
    if not splits:
        _check_classes(root, place)
        wrapped = [f"{root}: its classes are the folders of {place.relative_to(root)}"] if between else []
        return Layout({"train": place}, between, (*map(printable, wrapped), *_left_beside(root)))
    between[place] = {folder.name for folder in splits.values()}
    for split, folder in splits.items():
        while (inner := _folder_of_same_name(folder)) is not None:
            between[folder] = {inner.name}
            folder = splits[split] = inner
    _refuse_unknown_split(place, splits)
    return Layout(splits, between, tuple(map(printable, _notes_on_splits(root, place, splits))))


def _notes_on_splits(root: Path, place: Path, splits: Mapping[str, Path]) -> list[str]:
    """Return lines: which folder is which split, where that is not obvious, and what is not used."""
    places = {split: str(folder.relative_to(root)) for split, folder in splits.items()}
    lines = []
    if not all(found in ("train", "val", "validation", "test") for found in places.values()):
        lines = [f"{root}: read as " + ", ".join(f"{split} = {found}" for split, found in places.items())]
    unused = _unlabelled(_contents(place)[1])
    return lines + [f"{folder}: has images, but no class folders, and is not used" for folder in unused]


def folders_below(folder: Path) -> list[Path]:
    """Return the folders within a class folder, at any depth, that images lie in: a list of paths.

    Args:
        folder: the class folder, a `pathlib.Path`; links to where the walk has been are not followed.
    """
    holding, waiting, seen = [], [folder], {os.path.realpath(folder)}
    while waiting:
        place = waiting.pop()
        images, folders = _contents(place)
        holding += [place] if images and place != folder else []
        for inner in reversed(folders):
            real = os.path.realpath(inner)
            if real not in seen:
                seen.add(real)
                waiting.append(inner)
    return holding


def _contents(folder: Path) -> tuple[list[str], list[Path]]:
    """Return the names of a folder's images, and the folders in it."""
    names, _ = listed(folder)
    images = [name for name in names if is_image_name(name)]
    others = [Path(folder, name) for name in names if not is_image_name(name)]
    return images, [path for path in others if path.is_dir() and not leads_upwards(path)]


def _only_folder(place: Path) -> Path | None:
    """Return the one folder in a folder without images, unless it is a split's or a class's; else None."""
    images, folders = _contents(place)
    if images or len(folders) != 1 or split_named(folders[0].name) == "train":
        return None
    images, inside = _contents(folders[0])
    return folders[0] if inside and not images else None


def _folder_of_same_name(folder: Path) -> Path | None:
    """Return the one folder in a folder without images that bears its name again, or its split's; or None."""
    images, folders = _contents(folder)
    if images or len(folders) != 1 or not _contents(folders[0])[1]:
        return None
    again = folders[0].name.casefold() == folder.name.casefold()
    return folders[0] if again or split_named(folders[0].name) == split_named(folder.name) else None


def _split_folders(place: Path) -> dict[str, Path]:
    """Return a dict of split to its folder; an empty one where the class folders lie in `place` itself."""
    folders = _contents(place)[1]
    unlabelled = _unlabelled(folders)
    if len({split_named(folder.name) for folder in unlabelled}) > 1:
        found = _listed(unlabelled)
        raise UserError(f"{place}: found images, but no class folders, in {found}; {ALLOWED}, or a CSV file")
    named: dict[str, list[Path]] = {}
    for folder in folders:
        split = split_named(folder.name)
        if split and folder not in unlabelled:
            named.setdefault(split, []).append(folder)
    for split, same in named.items():
        if len(same) > 1:
            raise UserError(
                f"{place}: found {_listed(same)}, all of them names for {split}; allowed: one for each split"
            )
    if "train" in named:
        return {split: named[split][0] for split in NAMES if split in named}
    only = [folder for same in named.values() for folder in same]
    if only and len(only) == len(folders):
        raise UserError(f"{place}: found {_listed(only)}, but no train; {ALLOWED}")
    return {}


def _unlabelled(folders: Iterable[Path]) -> list[Path]:
    """Return those folders that are named as splits, and hold images and no folders."""
    contents = {folder: _contents(folder) for folder in folders if split_named(folder.name)}
    return [folder for folder, (images, inside) in contents.items() if images and not inside]


def _refuse_unknown_split(place: Path, splits: Mapping[str, Path]) -> None:
    """Refuse a folder beside the splits' that has class folders of the same names: it may be a split too."""
    classes = {path.name for path in _contents(splits["train"])[1]}
    tops = {split.relative_to(place).parts[0] for split in splits.values()}
    for folder in _contents(place)[1]:
        common = classes & {path.name for path in _contents(folder)[1]}
        if common and folder.name not in tops:
            found = f"found {folder.name} beside {splits['train'].relative_to(place)}"
            raise UserError(
                printable(
                    f"{place}: {found}, with class folders too ({min(common)}, …); {ALLOWED}; move it away"
                )
            )


def _check_classes(root: Path, place: Path) -> None:
    """Refuse class folders that may be splits, and splits below class folders."""
    images, folders = _contents(place)
    names = {folder.name for folder in folders}
    for folder in folders:
        inside = _contents(folder)[1]
        common = names & {path.name for path in inside}
        if common:
            one = min(common)
            found = f"found {one}, and {one} below {folder.name} too"
            raise UserError(printable(f"{place}: {found}: is that a class or a split? {ALLOWED}"))
        if any(split_named(path.name) == "train" for path in inside):
            found = f"found {_listed(inside)} below the class folder {folder.name}"
            raise UserError(printable(f"{place}: {found}; {ALLOWED}"))
    if images and not folders:
        above = root.absolute().parent
        classes = [folder for folder in _contents(above)[1] if _contents(folder)[0]]
        hint = f"; did you mean {above}?" if len(classes) > 1 else ""
        raise UserError(
            printable(f"{root}: found {len(images):,} images, but no class folders; {ALLOWED}{hint}")
        )


def _left_beside(root: Path) -> tuple[str, ...]:
    """Return a line about the splits that lie beside a folder which is a split itself."""
    here = root.absolute()
    split = split_named(here.name)
    beside = [path for path in _contents(here.parent)[1] if path != here] if split else []
    others = [path for path in beside if split_named(path.name) not in (None, split) and _contents(path)[1]]
    if not others:
        return ()
    return (
        printable(f"{root}: {_listed(others)} beside it is not read; data.path = {here.parent} reads both"),
    )


def _listed(folders: Iterable[Path]) -> str:
    return printable(few(folder.name for folder in folders))
