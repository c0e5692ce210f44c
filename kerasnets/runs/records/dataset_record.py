"""dataset.json of a run: what it was made of."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from kerasnets.errors import UserError
from kerasnets.files.records import read_record, write_record

FORMAT = 2
"""Version of the file. 1 stated none and may lack `fingerprints`."""


@dataclass(frozen=True)
class DatasetRecord:
    """What a run was made of.

    Attributes:
        source: the recipe's `data.source`.
        classes: class names; of numeric targets, the targets' names.
        numeric: whether the labels are numbers in place of classes.
        image_shape: (height, width, channels); height and width None where they differ.
        images: how many each split has, by its name.
        fingerprints: a digest of each split's images, labels and weights, by its name; None in runs of an
            earlier version, which kept no list of their images.
        audit: how many findings of each kind the audit before training made; None in runs of an earlier
            version, which did not keep it.
    """

    source: str
    classes: tuple[str, ...]
    numeric: bool
    image_shape: tuple[int | None, ...]
    images: dict[str, int]
    fingerprints: dict[str, str] | None
    audit: dict[str, int] | None = None

    def write(self, path: Path) -> None:
        """Write dataset.json, whole or not at all."""
        write_record(path, FORMAT, asdict(self))

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read dataset.json.

        Raises:
            UserError: it is not what `write` writes, or was written by a newer version.
        """
        table = read_record(
            path, FORMAT, source=str, classes=list, numeric=bool, image_shape=list, images=dict
        )
        odd = [name for name in table["classes"] if not isinstance(name, str)]
        if odd or not table["classes"]:
            found = repr(odd[0]) if odd else "none"
            raise UserError(f"{path}: classes: found {found}, allowed: names")
        return cls(
            source=table["source"],
            classes=tuple(table["classes"]),
            numeric=table["numeric"],
            image_shape=tuple(table["image_shape"]),
            images=table["images"],
            fingerprints=table.get("fingerprints"),
            audit=table.get("audit"),
        )
