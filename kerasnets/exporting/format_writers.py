"""The formats that runs are exported in, each with the function that writes and checks it."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from kerasnets.catalog.export_formats import EXPORT_FORMATS
from kerasnets.exporting.formats.write import write_format
from kerasnets.exporting.manifest import ExportedFormat
from kerasnets.exporting.saved_model import export_saved_model
from kerasnets.exporting.subject import Subject

Writer = Callable[[Subject, Path], ExportedFormat]
"""Writes a subject into a folder, which holds other formats too, and checks what was written.

It returns what the manifest says of it, `path` relative to the folder, and raises FailureError where what
was written does not answer as the runs do. A SavedModel's folder gets its number later.
"""

WRITERS: dict[str, Writer] = {name: partial(write_format, name) for name in EXPORT_FORMATS}
WRITERS["saved_model"] = export_saved_model
"""By name, as `--format` takes it."""
