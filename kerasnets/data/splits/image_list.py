"""Which images a run was trained on: a list that is kept, and what has changed since."""

import gzip
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from kerasnets.data.dataset import Dataset, Split
from kerasnets.errors import UserError, printable
from kerasnets.files.arrays import DAMAGED
from kerasnets.files.tables import texts
from kerasnets.files.whole_files import whole_file

COLUMNS = ["split", "name", "label", "weight", "digest"]
FIRST = 3
"""Most names that are listed of each kind of change."""


def fingerprints(dataset: Dataset) -> dict[str, str]:
    """Return a digest of each split: of its images, their order, their labels' names and their weights.

    Names and places of files do not count. No image is read again: the audit has the digests.

    Args:
        dataset: audited images.

    Returns:
        Mapping of split to 40 hexadecimal digits.
    """
    return {name: _fingerprint(split, dataset.classes) for name, split in dataset.splits.items()}


def _fingerprint(split: Split, classes: Sequence[str]) -> str:
    digest = hashlib.blake2b(json.dumps([classes, split.labels.shape]).encode(), digest_size=20)
    for array in (split.known_identities.digests, split.labels, split.weights):
        if array is not None:
            digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def write_image_list(path: Path, dataset: Dataset) -> None:
    """Write the images of every split, a row each with `COLUMNS`, as a gzipped CSV file.

    Args:
        path: the file, whose name ends in .csv.gz; about 15 bytes an image.
        dataset: audited images.
    """
    text = _table(dataset).to_csv(index=False, lineterminator="\n")
    with whole_file(path) as temporary:
        # without a time, so that the same images give the same file
        temporary.write_bytes(gzip.compress(text.encode("utf-8", "surrogateescape"), 6, mtime=0))


def read_image_list(path: Path) -> pd.DataFrame:
    """Return what `write_image_list` has written as a DataFrame: all columns are text, but the digest uint64.

    Raises:
        UserError: the file is damaged.
    """
    try:
        table = pd.read_csv(
            path, dtype=object, keep_default_na=False, encoding="utf-8", encoding_errors="surrogateescape"
        )
        if table.columns.tolist() != COLUMNS:
            raise ValueError(f"found columns {', '.join(table.columns)}")
        return table.assign(digest=[int(digest, 16) for digest in table["digest"]]).astype(
            {"digest": "uint64"}
        )
    except DAMAGED as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(f"{path}: not readable as a list of images: {reason}") from error


def _table(dataset: Dataset) -> pd.DataFrame:
    """Return the table of a dataset's images, as it is written: the digest in hexadecimal."""
    parts = []
    for name, split in dataset.splits.items():
        weights = [""] * len(split) if split.weights is None else map(repr, split.weights.tolist())
        parts.append(
            pd.DataFrame(
                {
                    "split": name,
                    "name": texts(split.known_identities.names),
                    "label": texts(_label_texts(split, dataset.classes)),
                    "weight": list(weights),
                    "digest": [f"{digest:016x}" for digest in split.known_identities.digests.tolist()],
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def _label_texts(split: Split, classes: Sequence[str]) -> np.ndarray:
    """Return each image's class name, or its numbers, as text that differs where they differ."""
    if split.numeric:
        return np.array([" ".join(map(repr, row)) for row in split.labels.tolist()], object)
    return np.array(classes, object)[split.labels]


@dataclass(frozen=True)
class Changes:
    """What has changed of a run's images: lists of names, or of short texts that begin with a name.

    An image is the same where its bytes are the same, whatever its name is now.
    """

    added: list[str]
    removed: list[str]
    replaced: list[str]
    relabelled: list[str]
    reweighted: list[str]
    moved: list[str]

    def __str__(self) -> str:
        lists = {
            "added": self.added,
            "removed": self.removed,
            "replaced by other contents": self.replaced,
            "labelled differently": self.relabelled,
            "weighted differently": self.reweighted,
            "in another split": self.moved,
        }
        return ", ".join(_counted(what, names) for what, names in lists.items() if names)


def _counted(what: str, names: Sequence[str]) -> str:
    first = ", ".join(printable(name)[:120] for name in names[:FIRST])
    more = f" and {len(names) - FIRST:,} more" if len(names) > FIRST else ""
    return f"{len(names):,} {'image' if len(names) == 1 else 'images'} {what} ({first}{more})"


def changes(before: pd.DataFrame, dataset: Dataset) -> Changes:
    """Return the changes from the images of a list to those of a dataset.

    Images are paired by name and bytes; then by their bytes alone, which finds those that were renamed or lie
    in another class folder; then by name alone, which finds those that were replaced.

    Args:
        before: the list, as `read_image_list` returns it.
        dataset: audited images.
    """
    now = _table(dataset)
    now["digest"] = np.concatenate([split.known_identities.digests for split in dataset.splits.values()])
    pairs = []
    for keys in (["name", "digest"], ["digest"], ["name"]):
        old, new = (_numbered(table, keys) for table in (before, now))
        paired = old.merge(new, on=[*keys, "copy"], suffixes=("", "_now"))
        before, now = before.drop(paired["row"]), now.drop(paired["row_now"])
        pairs.append(paired)
    *same, replaced = pairs
    same = pd.concat(same)
    return Changes(
        added=now["name"].tolist(),
        removed=before["name"].tolist(),
        replaced=replaced["name"].tolist(),
        relabelled=_differing(same, "label"),
        reweighted=_differing(same, "weight"),
        moved=_differing(same, "split"),
    )


def _numbered(table: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """Return a table with its index as `row`, and as `copy` how many rows before have the same keys."""
    return table.assign(row=table.index, copy=table.groupby(keys, sort=False).cumcount())


def _differing(pairs: pd.DataFrame, column: str) -> list[str]:
    other = pairs[pairs[column] != pairs[f"{column}_now"]].sort_values("row")
    rows = zip(other["name"], other[column], other[f"{column}_now"], strict=True)
    return [f"{name}: {was or 'none'}, now {found or 'none'}" for name, was, found in rows]
