"""An export checked where it lies: its files by their checksums, each format's answers in a fresh process."""

import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kerasnets.catalog.export_formats import EXPORT_FORMATS
from kerasnets.errors import UserError
from kerasnets.exporting.manifest import SAMPLE, Manifest, file_problems
from kerasnets.exporting.runtimes.packages import missing_package

SLACK = 1e-4
"""By how much answers here may differ from those that were stored, beyond what the format did then."""

SECONDS = 600
"""After which a format that has not answered counts as one that does not."""


@dataclass(frozen=True)
class VerifiedFormat:
    """What one format answers here.

    Attributes:
        name: of the format.
        difference: largest difference from the stored answers; None where it did not answer.
        allowed: the largest that may be.
        images: how many were asked about.
        load_seconds: to load it.
        milliseconds: an image took.
        problem: why it is not as it was exported, in words; empty where it is.
    """

    name: str
    difference: float | None
    allowed: float
    images: int = 0
    load_seconds: float = 0.0
    milliseconds: float = 0.0
    problem: str = ""

    def __str__(self) -> str:
        if self.problem:
            return f"{self.name}: {self.problem}"
        return (
            f"{self.name}: the same answers to {self.images} images (largest difference "
            f"{self.difference:.1e}), loaded in {self.load_seconds:.1f} s, {self.milliseconds:.1f} ms each"
        )


@dataclass(frozen=True)
class Verification:
    """What became of an export. It prints as a line for each file and format.

    Attributes:
        folder: of the export.
        files: how many were compared with their checksums.
        file_problems: a line each that is missing or has changed.
        formats: what each answers.
        left_out: lines on formats that cannot be asked here.
    """

    folder: str
    files: int
    file_problems: tuple[str, ...]
    formats: tuple[VerifiedFormat, ...]
    left_out: tuple[str, ...] = ()

    @property
    def same(self) -> bool:
        """Whether everything is as it was exported."""
        return not self.file_problems and not any(each.problem for each in self.formats)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON can hold it."""
        return asdict(self) | {"same": self.same}

    def __str__(self) -> str:
        sound = f"{self.files - len(self.file_problems)} of {self.files} files are as they were exported"
        return "\n".join([sound, *self.file_problems, *map(str, self.formats), *self.left_out])


def verify_export(folder: str | os.PathLike[str]) -> Verification:
    """Check an export; see `kerasnets.verify`."""
    place = Path(folder)
    manifest = Manifest.read(place)
    problems = {name: file_problems(place, {name: file}) for name, file in manifest.files.items()}
    broken = {Path(name).parts[0] for name, found in problems.items() if found}
    if not (place / SAMPLE).is_file() or SAMPLE in broken:
        raise UserError(f"{place / SAMPLE}: missing or changed, and without it no answer can be compared")
    formats, left_out = [], []
    for name, record in manifest.formats.items():
        if name not in EXPORT_FORMATS:
            left_out.append(f"{name}: left out: this version does not know the format")
        elif package := missing_package(name):
            left_out.append(f"{name}: left out: {package}")
        elif Path(record.path).parts[0] not in broken:
            formats.append(_verified(name, place, record.path, allowed=record.largest_difference + SLACK))
    lines = tuple(line for found in problems.values() for line in found)
    return Verification(str(place), len(manifest.files), lines, tuple(formats), tuple(left_out))


def _verified(name: str, folder: Path, path: str, *, allowed: float) -> VerifiedFormat:
    """Ask a format in a process of its own, on the CPU."""
    module = "kerasnets.exporting.runtimes.verify_one"
    command = [sys.executable, "-m", module, name, str(folder / path), str(folder / SAMPLE)]
    settings = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1", "KERAS_BACKEND": "tensorflow"}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, env=os.environ | settings, timeout=SECONDS
        )
    except subprocess.TimeoutExpired:
        return VerifiedFormat(name, None, allowed, problem=f"no answer within {SECONDS} s")
    if done.returncode:
        lines = (done.stderr.strip() or "no output").splitlines()
        return VerifiedFormat(name, None, allowed, problem=f"does not answer: {lines[-1][:300]}")
    found = json.loads(done.stdout.splitlines()[-1])
    problem = ""
    if not found["difference"] <= allowed:
        problem = f"other answers: largest difference {found['difference']:.1e}, allowed: {allowed:.1e}"
    milliseconds = found["seconds"] / found["images"] * 1000
    return VerifiedFormat(
        name, found["difference"], allowed, found["images"], found["load_seconds"], milliseconds, problem
    )
