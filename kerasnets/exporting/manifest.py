"""export.json, the manifest of an export: what lies in its folder, and what the model takes and answers.

It is written last, once all it lists is there: a folder without it was not finished. It needs no TensorFlow.
"""

import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from kerasnets.errors import UserError
from kerasnets.files.records import read_record, write_record
from kerasnets.files.whole_files import check_kinds

FORMAT = 1
"""Version of the file."""

NAME = "export.json"
SAMPLE = "sample.npz"
"""Beside it: stored images and answers, see `kerasnets.exporting.cases`."""

NUMBER = (int, float)
OPTIONAL_NUMBER = (*NUMBER, type(None))
ACCURACY = ("accuracy", "accuracy_low", "accuracy_high")


@dataclass(frozen=True, kw_only=True)
class ExportedFile:
    """A file of an export.

    Attributes:
        bytes: its size.
        sha256: its checksum, in hexadecimal digits.
    """

    bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class ExportedFormat:
    """The model in one format.

    Attributes:
        path: its file or folder, relative to the export's: "1", "model.onnx".
        bytes: size of its files.
        largest_difference: of its answers from the run's, on the images it was checked on.
        accuracy: share of the test split's images that it answers rightly, 0 to 1; None where not measured.
        accuracy_low, accuracy_high: ends of the 95 % interval.
        milliseconds: an image takes, by how many are in the batch, "1" or "32"; empty where not measured.
        details: what else is to be known of a format, as JSON can hold it: an opset, a runtime's version.
    """

    path: str
    bytes: int
    largest_difference: float
    accuracy: float | None = None
    accuracy_low: float | None = None
    accuracy_high: float | None = None
    milliseconds: dict[str, float] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What an export is. All its formats are of one model.

    Attributes:
        name: of the recipe, or "ensemble".
        model: a digest of weights, preprocessing, calibration and `top_k`: formats that are added later must
            be of the same.
        created: when it was written, ISO 8601 in UTC.
        runs: names of the recipes whose predictions are averaged, one or more.
        architectures: those of the runs, in the same order.
        numeric: whether it predicts numbers in place of classes.
        classes: class names in the order of its outputs; of numeric targets, the targets' names.
        image_shape: (height, width, channels) of the raw images that it was trained on; height and width are
            None where they differed. Any height and width are taken.
        input_shape: (height, width, channels) that the network sees.
        spatial: of each run, the steps that bring raw images to the size that its network sees.
        top_k: how many labels `top_labels` has.
        features: how many penultimate activations an image has; 0 where the networks have none to show.
        threshold: 0 to 1; below it the answer is "unknown".
        temperatures: of each run, what its logits are divided by.
        max_pixels: the most that an encoded image may declare.
        versions: of kerasnets and the packages it was written with, by name.
        formats: by name: "saved_model", "onnx", ...
        files: every file of the folder that belongs to it, by its path relative to the folder.
    """

    name: str
    model: str
    created: str
    runs: tuple[str, ...]
    architectures: tuple[str, ...]
    numeric: bool
    classes: tuple[str, ...]
    image_shape: tuple[int | None, int | None, int]
    input_shape: tuple[int, ...]
    spatial: tuple[list[dict[str, Any]], ...]
    top_k: int
    features: int
    threshold: float
    temperatures: tuple[float, ...]
    max_pixels: int
    versions: dict[str, str]
    formats: dict[str, ExportedFormat]
    files: dict[str, ExportedFile]

    @property
    def served_name(self) -> str:
        """The name that servers know the model by, which has only letters, digits, ".", "_" and "-"."""
        return re.sub(r"[^A-Za-z0-9._-]+", "-", self.name).strip("-.") or "model"

    def write(self, folder: Path) -> None:
        """Write export.json into the export's folder, whole or not at all."""
        write_record(folder / NAME, FORMAT, asdict(self))

    @classmethod
    def read(cls, folder: str | os.PathLike[str]) -> Self:
        """Read the export.json of a folder.

        Raises:
            UserError: no such file, it is not what `write` writes, or was written by a newer version.
        """
        path = Path(folder) / NAME
        if not path.is_file():
            raise UserError(
                f"{folder}: no {NAME} here; allowed: a folder that `kerasnets export` has finished"
                f"{within(folder)}"
            )
        kinds = {"name": str, "model": str, "created": str, "numeric": bool, "top_k": int, "features": int}
        kinds |= dict.fromkeys(
            ("runs", "architectures", "classes", "image_shape", "input_shape", "spatial"), list
        )
        tables = dict.fromkeys(("versions", "formats", "files"), dict)
        table = read_record(
            path, FORMAT, threshold=NUMBER, temperatures=list, max_pixels=int, **kinds, **tables
        )
        values = {name: table[name] for name in cls.__dataclass_fields__}
        values |= {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
        values["formats"] = {name: _format(path, name, each) for name, each in table["formats"].items()}
        values["files"] = {name: _file(path, name, each) for name, each in table["files"].items()}
        return cls(**values)


def within(folder: str | os.PathLike[str]) -> str:
    """Return the end of a message about a folder that is no export: the export in it; empty without one."""
    inner = Path(folder) / "export"
    return f"; did you mean {inner}?" if (inner / NAME).is_file() else ""


def _format(path: Path, name: str, table: Any) -> ExportedFormat:
    _check_table(path, f"formats.{name}", table)
    optional: dict[str, tuple[type, ...]] = dict.fromkeys(ACCURACY, OPTIONAL_NUMBER)
    tables = {"milliseconds": dict, "details": dict}
    check_kinds(path, table, {"path": str, "bytes": int, "largest_difference": NUMBER, **optional, **tables})
    _check_inside(path, f"formats.{name}.path", table["path"])
    return ExportedFormat(**{key: table[key] for key in ExportedFormat.__dataclass_fields__})


def _file(path: Path, name: str, table: Any) -> ExportedFile:
    _check_table(path, f"files.{name}", table)
    check_kinds(path, table, {"bytes": int, "sha256": str})
    _check_inside(path, "files", name)
    return ExportedFile(bytes=table["bytes"], sha256=table["sha256"])


def _check_table(path: Path, key: str, value: Any) -> None:
    if not isinstance(value, dict):
        raise UserError(f"{path}: {key}: found {value!r}, allowed: a table")


def _check_inside(path: Path, key: str, name: str) -> None:
    """Raise UserError unless a path stays within the export's folder: manifests come from others too."""
    if Path(name).is_absolute() or ".." in Path(name).parts or not Path(name).parts:
        raise UserError(f"{path}: {key}: found {name!r}, allowed: a path within the folder")


def list_files(folder: Path, names: Iterable[str]) -> dict[str, ExportedFile]:
    """Return size and checksum of files, by their path relative to `folder`, in order.

    Args:
        folder: of the export.
        names: of files or folders in it; of a folder all files are listed.
    """
    found = (folder / name for name in names)
    files = (file for path in found for file in ([path] if path.is_file() else path.rglob("*")))
    relative = sorted(file.relative_to(folder).as_posix() for file in files if file.is_file())
    return {name: _listed(folder / name) for name in relative}


def file_problems(folder: Path, files: Mapping[str, ExportedFile]) -> list[str]:
    """Return in a line each which listed files are missing, or are not what they were.

    Args:
        folder: of the export.
        files: as its manifest lists them.
    """
    problems = []
    for name, wanted in files.items():
        path = folder / name
        if not path.is_file():
            problems.append(f"{path}: missing")
        elif (size := path.stat().st_size) != wanted.bytes:
            problems.append(f"{path}: found {size:,} bytes, allowed: the {wanted.bytes:,} that were exported")
        elif _listed(path) != wanted:
            problems.append(f"{path}: found another checksum than {NAME} lists: the file has changed")
    return problems


def _listed(path: Path) -> ExportedFile:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return ExportedFile(bytes=path.stat().st_size, sha256=digest)
