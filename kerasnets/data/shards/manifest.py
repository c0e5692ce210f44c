"""The manifest of packed shards: which files there are, how long, with which checksums."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kerasnets.data.pipeline.threads import stoppable_threads
from kerasnets.errors import UserError
from kerasnets.files.user_files import check_file

VERSION = 1
PLAN, INDEX_FILE, MANIFEST = "plan.json", "index.npz", "manifest.json"


@dataclass(frozen=True)
class PackedFile:
    """A file of packed data.

    Attributes:
        file: its name in the folder.
        bytes: its size.
        sha256: of its contents, in hexadecimal.
        count: number of images in a shard; None for the index.
    """

    file: str
    bytes: int
    sha256: str
    count: int | None = None

    def __post_init__(self) -> None:
        kinds = {"file": str, "bytes": int, "sha256": str, "count": int | None}
        for name, kind in kinds.items():
            if not isinstance(getattr(self, name), kind):
                raise TypeError(f"{name}: found {getattr(self, name)!r}")

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON can write it."""
        return {key: value for key, value in asdict(self).items() if value is not None}


@dataclass(frozen=True)
class Manifest:
    """What a packing has written; as text, a line for each split.

    Attributes:
        classes: class names, in the order of the labels.
        image_shape: (height, width, channels); height and width are None where images differ in size.
        index: the file that has the place of each image.
        splits: mapping of split to its shards, in order.
    """

    classes: tuple[str, ...]
    image_shape: tuple[int | None, int | None, int]
    index: PackedFile
    splits: Mapping[str, tuple[PackedFile, ...]]

    @property
    def files(self) -> list[PackedFile]:
        """All files: the index, and the shards of every split."""
        return [self.index, *(shard for shards in self.splits.values() for shard in shards)]

    def __str__(self) -> str:
        lines = []
        for split, shards in self.splits.items():
            images, size = sum(shard.count or 0 for shard in shards), sum(shard.bytes for shard in shards)
            lines.append(f"{split}: {images:,} images, {size / 2**20:,.1f} MiB, {len(shards)} shard(s)")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return it as manifest.json has it."""
        return {
            "format": VERSION,
            "classes": list(self.classes),
            "image_shape": list(self.image_shape),
            "index": self.index.to_dict(),
            "splits": {name: [shard.to_dict() for shard in shards] for name, shards in self.splits.items()},
        }

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> "Manifest":
        """Return the manifest that `to_dict` made a table of.

        Raises:
            KeyError, TypeError, ValueError, AttributeError: it is none.
        """
        height, width, channels = table["image_shape"]
        splits = table["splits"].items()
        return cls(
            classes=tuple(table["classes"]),
            image_shape=(height, width, channels),
            index=PackedFile(**table["index"]),
            splits={name: tuple(PackedFile(**shard) for shard in shards) for name, shards in splits},
        )


def described(path: Path, count: int | None = None) -> PackedFile:
    """Return a file's name, size and checksum; `count` is the number of images in a shard."""
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return PackedFile(path.name, path.stat().st_size, digest, count=count)


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest of a packed folder, whose files are there and of the right size.

    Raises:
        UserError: no manifest, another format, a file that is missing or of another size.
    """
    path = folder / MANIFEST
    try:
        if path.exists():
            check_file(path)
        table = json.loads(path.read_text(encoding="utf-8"))
        if table["format"] != VERSION:
            raise UserError(f"{path}: found format {table['format']}, allowed: format {VERSION}")
        manifest = Manifest.from_dict(table)
    except FileNotFoundError:
        raise UserError(
            f"{folder}: found no {MANIFEST}, allowed: a folder that was packed to its end"
        ) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(f"{path}: not a manifest of packed shards: {type(error).__name__} {error}") from None
    for file in manifest.files:
        _check_size(folder / file.file, file.bytes)
    return manifest


def _check_size(path: Path, size: int) -> None:
    found = path.stat().st_size if path.is_file() else None
    if found != size:
        what = "no such file" if found is None else f"{found} bytes"
        raise UserError(f"{path}: found {what}, allowed: {size} bytes, as {MANIFEST} has it")


def verify(path: str | Path, *, workers: int = 2) -> Manifest:
    """Read every file of a packed folder and compare its checksum with the manifest's.

    Args:
        path: the folder.
        workers: threads that read.

    Raises:
        UserError: a file is missing, of another size, or its bytes have changed.
    """
    folder = Path(path)
    manifest = read_manifest(folder)
    with stoppable_threads(workers) as (pool, _):
        found = pool.map(lambda file: described(folder / file.file), manifest.files)
        for file, now in zip(manifest.files, found, strict=True):
            if now.sha256 != file.sha256:
                raise UserError(
                    f"{folder / file.file}: damaged: found sha256 {now.sha256}, "
                    f"allowed: {file.sha256}, as {MANIFEST} has it; packing again repairs it"
                )
    return manifest
