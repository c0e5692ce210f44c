"""Finished runs made ready for serving."""

from collections.abc import Sequence
from pathlib import Path

from kerasnets import runtime
from kerasnets.api.arguments import PathLike
from kerasnets.errors import UserError, nearest

EXPORT_KINDS = ("saved_model", "onnx")


def export(
    runs: PathLike | Sequence[PathLike],
    to: PathLike | None = None,
    *,
    kind: str = "saved_model",
    data: PathLike | None = None,
    allow_changed_data: bool = False,
    calibrated: bool = True,
) -> Path:
    """Write a finished run for serving, and check what was written against the network in memory.

    Args:
        runs: a run directory; or several, which become one model that averages their predictions.
        to: folder of the exports; by default `export` in the run directory. Several runs need one.
        kind: "saved_model", which takes raw images and gets the next integer as its name, or "onnx", which
            takes images of the network's size and gets the recipe's name, of several runs "ensemble".
        data: path of the images that the export is checked on, if they have moved since the run was made.
        allow_changed_data: check on these images although some were added, removed, replaced or relabelled.
        calibrated: whether what is written answers as `calibrate` has set, where it has.

    Returns:
        Path of the SavedModel's folder or of the ONNX file.

    Raises:
        UserError: a directory holds no finished run, the runs differ in classes, test images or channels,
            the folder cannot be used, or the extra `onnx` is missing.
        FailureError: what was written does not agree with the network; it is not kept.

    Example:
        >>> kerasnets.export("runs/first")  # doctest: +SKIP
        PosixPath('runs/first/export/1')
    """
    if kind not in EXPORT_KINDS:
        raise UserError(
            f"export to {kind!r}, allowed: {', '.join(EXPORT_KINDS)}{nearest(kind, EXPORT_KINDS)}"
        )
    runtime.prepare()
    from kerasnets.exporting.saved_model import export_runs
    from kerasnets.inference.run_splits import DataOptions

    return export_runs(runs, to, kind=kind, data=DataOptions(data, allow_changed_data), calibrated=calibrated)
