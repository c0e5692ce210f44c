"""Which images a run was made of: a list that is kept, and what has changed since."""

import gzip
import hashlib
import json
from dataclasses import dataclass

import numpy as np
import pandas as pd

from kerasnets.errors import UserError, printable
from kerasnets.files.arrays import DAMAGED
from kerasnets.files.whole_files import whole_file

COLUMNS = ["split", "name", "label", "weight", "digest"]
FIRST = 3
"""Names that are said of each kind of change."""


def fingerprints(dataset):
    """Return a digest of each split: of its images, their order, their labels' names and their weights.

    Names and places of files do not count. Quick: what the audit knows of the images is not read again.

    Args:
        dataset: a `Dataset` that was audited.

    Returns:
        Mapping of split to 40 hexadecimal digits.
    """
    return {name: _fingerprint(split, dataset.classes) for name, split in dataset.splits.items()}


def _fingerprint(split, classes):
    digest = hashlib.blake2b(json.dumps([classes, split.labels.shape]).encode(), digest_size=20)
    for array in (split.identities.digests, split.labels, split.weights):
        if array is not None:
            digest.update(np.ascontiguousarray(array))
    return digest.hexdigest()


def write_image_list(path, dataset):
    """Write the images of every split, a row each with `COLUMNS`, as a gzipped CSV file.

    Args:
        path: the file, whose name ends in .csv.gz; about 15 bytes an image.
        dataset: a `Dataset` that was audited.
    """
    text = _table(dataset).to_csv(index=False, lineterminator="\n")
    with whole_file(path) as temporary:
        # without a time, so that the same images give the same file
        temporary.write_bytes(gzip.compress(text.encode("utf-8", "surrogateescape"), 6, mtime=0))


def read_image_list(path):
    """Return the DataFrame that `write_image_list` has written: all columns are text, but the digest uint64.

    Raises:
        UserError: the file is damaged.
    """
    try:
        table = pd.read_csv(
            path, dtype=str, keep_default_na=False, encoding="utf-8", encoding_errors="surrogateescape"
        )
        if table.columns.tolist() != COLUMNS:
            raise ValueError(f"found columns {', '.join(table.columns)}")
        return table.assign(digest=[int(digest, 16) for digest in table["digest"]]).astype(
            {"digest": "uint64"}
        )
    except DAMAGED as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(f"{path}: not readable as a list of images: {reason}") from error


def _table(dataset):
    """Return the table of a dataset's images, as it is written: the digest in hexadecimal."""
    parts = []
    for name, split in dataset.splits.items():
        weights = [""] * len(split) if split.weights is None else map(repr, split.weights.tolist())
        parts.append(
            pd.DataFrame(
                {
                    "split": name,
                    "name": split.identities.names,
                    "label": _label_texts(split, dataset.classes),
                    "weight": list(weights),
                    "digest": [f"{digest:016x}" for digest in split.identities.digests.tolist()],
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def _label_texts(split, classes):
    """Return each image's class name, or its numbers, as text that tells any two apart."""
    if split.numeric:
        return [" ".join(map(repr, row)) for row in split.labels.tolist()]
    return np.array(classes, object)[split.labels]


@dataclass(frozen=True)
class Changes:
    """What has become of a run's images: each a list of names, or of short texts that begin with one.

    An image is the same where its bytes are, whatever it is called now.
    """

    added: list
    removed: list
    replaced: list
    relabelled: list
    reweighted: list
    moved: list

    def __str__(self):
        said = {
            "added": self.added,
            "removed": self.removed,
            "replaced by other contents": self.replaced,
            "labelled otherwise": self.relabelled,
            "weighted otherwise": self.reweighted,
            "in another split": self.moved,
        }
        return ", ".join(_counted(what, names) for what, names in said.items() if names)


def _counted(what, names):
    first = ", ".join(printable(name)[:120] for name in names[:FIRST])
    more = ", …" if len(names) > FIRST else ""
    return f"{len(names):,} {'image' if len(names) == 1 else 'images'} {what} ({first}{more})"


def changes(kept, dataset):
    """Return the `Changes` from the images of a kept list to those of a dataset.

    Images are paired by name and bytes; then by their bytes alone, which finds those that were renamed or lie
    in another class folder; then by name alone: these were replaced.

    Args:
        kept: DataFrame, as `read_image_list` returns it.
        dataset: a `Dataset` that was audited.
    """
    now = _table(dataset)
    now["digest"] = np.concatenate([split.identities.digests for split in dataset.splits.values()])
    pairs = []
    for keys in (["name", "digest"], ["digest"], ["name"]):
        old, new = (_numbered(table, keys) for table in (kept, now))
        paired = old.merge(new, on=[*keys, "copy"], suffixes=("", "_now"))
        kept, now = kept.drop(paired["row"]), now.drop(paired["row_now"])
        pairs.append(paired)
    *same, replaced = pairs
    same = pd.concat(same)
    return Changes(
        added=now["name"].tolist(),
        removed=kept["name"].tolist(),
        replaced=replaced["name"].tolist(),
        relabelled=_differing(same, "label"),
        reweighted=_differing(same, "weight"),
        moved=_differing(same, "split"),
    )


def _numbered(table, keys):
    """Return a table with its index as `row`, and as `copy` how many rows before have the same keys."""
    return table.assign(row=table.index, copy=table.groupby(keys, sort=False).cumcount())


def _differing(pairs, column):
    other = pairs[pairs[column] != pairs[f"{column}_now"]].sort_values("row")
    rows = zip(other["name"], other[column], other[f"{column}_now"], strict=True)
    return [f"{name}: {was or 'none'}, now {found or 'none'}" for name, was, found in rows]
