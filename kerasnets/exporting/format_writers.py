"""The formats that runs are exported in, each with the function that writes and checks it."""

from collections.abc import Callable
from pathlib import Path

from kerasnets.exporting.manifest import ExportedFormat
from kerasnets.exporting.onnx import write_onnx
from kerasnets.exporting.saved_model import export_saved_model
from kerasnets.exporting.subject import REFERENCE, Subject

Writer = Callable[[Subject, Path], ExportedFormat]
"""Writes a subject into a folder, which holds other formats too, and checks what was written.

It returns what the manifest says of it, `path` relative to the folder, and raises FailureError where what
was written does not answer as the runs do. A SavedModel's folder gets its number later.
"""


def _export_onnx(subject: Subject, folder: Path) -> ExportedFormat:
    path = folder / "model.onnx"
    worst = write_onnx(subject.members, subject.cases.images, path, reference=REFERENCE)
    return ExportedFormat(path=path.name, bytes=path.stat().st_size, largest_difference=worst)


WRITERS: dict[str, Writer] = {"saved_model": export_saved_model, "onnx": _export_onnx}
"""By name, as `--format` takes it."""
