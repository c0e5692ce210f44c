"""Commands that write a finished run for others to use."""

from pathlib import Path
from typing import Annotated

import typer

import kerasnets
from kerasnets.cli import output
from kerasnets.cli.options import AllowChangedData, Data, NoCalibration, RunsArgument


def export(
    runs: RunsArgument,
    to: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder for the exports.", show_default="RUN/export")
    ] = None,
    kind: Annotated[
        str, typer.Option("--format", metavar="NAME", help="Format: saved_model or onnx.")
    ] = "saved_model",
    data: Data = None,
    allow_changed_data: AllowChangedData = False,
    no_calibration: NoCalibration = False,
) -> None:
    """Write a finished run, or several as one, as a SavedModel that takes raw images, or as ONNX."""
    path = kerasnets.export(
        runs,
        to,
        kind=kind,
        data=data,
        allow_changed_data=allow_changed_data,
        calibrated=not no_calibration,
    )
    output.print_path("exported", path)
