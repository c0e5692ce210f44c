"""Commands that hand a finished run over to others."""

from pathlib import Path
from typing import Annotated

import typer

import kerasnets
from kerasnets.catalog.parse import parse_bytes
from kerasnets.cli import output
from kerasnets.cli.exits import interruptible
from kerasnets.cli.options import AllowChangedData, Data, NoCalibration, RunsArgument
from kerasnets.errors import UserError


def export(
    runs: RunsArgument,
    to: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the export.", show_default="RUN/export")
    ] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            metavar="NAME",
            help="Format: saved_model, onnx, openvino, litert, litert_float16, litert_int8, keras, "
            "weights_h5 or safetensors. Can be repeated.",
            show_default="saved_model",
        ),
    ] = None,
    all_formats: Annotated[
        bool,
        typer.Option(
            "--all", help="Every format that can be written here; each is measured, and a table shows them."
        ),
    ] = False,
    top_k: Annotated[
        int, typer.Option("--top-k", metavar="K", help="Most probable classes that are answered by name.")
    ] = 5,
    fold: Annotated[
        bool,
        typer.Option(
            "--fold/--no-fold", help="Make batch normalization part of the convolution before it: faster."
        ),
    ] = True,
    data: Data = None,
    allow_changed_data: AllowChangedData = False,
    no_calibration: NoCalibration = False,
) -> None:
    """Write a finished run, or several as one, as a SavedModel that takes raw images, or in other formats."""
    if all_formats and kind:
        raise UserError("--all: found with --format, allowed: one of the two")
    path = kerasnets.export(
        runs,
        to,
        kind="all" if all_formats else kind or "saved_model",
        top_k=top_k,
        fold=fold,
        data=data,
        allow_changed_data=allow_changed_data,
        calibrated=not no_calibration,
    )
    if all_formats:
        _print_formats(path)
    output.print_path("exported", path)


def serve(
    export: Annotated[
        Path,
        typer.Argument(
            metavar="EXPORT",
            help="Folder of exports, of one SavedModel, or an ONNX file.",
            show_default=False,
        ),
    ],
    port: Annotated[
        int, typer.Option(metavar="N", min=0, max=65535, help="Port to serve on. 0 takes one that is free.")
    ] = 8501,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Address of this machine to serve on.")
    ] = "127.0.0.1",
    name: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Name of the model in addresses.", show_default="the recipe's"),
    ] = None,
    max_batch: Annotated[
        int, typer.Option(metavar="N", min=1, help="Images that go through the model together.")
    ] = 32,
    batch_wait: Annotated[
        float,
        typer.Option(metavar="MS", min=0, help="Milliseconds that a first image waits for others."),
    ] = 2.0,
    queue: Annotated[
        int, typer.Option(metavar="N", min=1, help="Images that may wait; also the most in one request.")
    ] = 256,
    max_body: Annotated[str, typer.Option(metavar="SIZE", help="Size of a request.")] = "32MiB",
    max_pixels: Annotated[
        int, typer.Option(metavar="N", min=1, help="Pixels that an image may declare.")
    ] = 50_000_000,
    timeout: Annotated[
        float,
        typer.Option(
            metavar="S", min=0.1, help="Seconds for a request to arrive, and for the model to answer it."
        ),
    ] = 30.0,
) -> None:
    """Serve an export over HTTP, with a page that shows what it sees in an image."""
    with interruptible(kept="requests that had begun are answered"):
        kerasnets.serve(
            export,
            host=host,
            port=port,
            name=name,
            max_batch=max_batch,
            batch_wait=batch_wait / 1000,
            queue=queue,
            max_body=parse_bytes(max_body),
            max_pixels=max_pixels,
            timeout=timeout,
            announce=lambda address: output.print_path("serve", address),
        )


def _print_formats(folder: Path) -> None:
    """Print the table of an export's formats, and which of them are worse than the others."""
    from kerasnets.exporting.manifest import Manifest
    from kerasnets.exporting.runtimes.table import accuracy_losses, formats_table
    from kerasnets.files.tables import frame_text

    manifest = Manifest.read(folder)
    table = formats_table(manifest)
    output.print_table(table, plain=frame_text(table), right=table.columns[2:])
    for line in accuracy_losses(manifest):
        print(line)


def verify(
    export: Annotated[
        Path, typer.Argument(metavar="EXPORT", help="Folder of an export.", show_default=False)
    ],
) -> None:
    """Check that an export is what it was: its files by checksum, its formats by a stored sample.

    Each format answers in a fresh process. Exit code 0 if everything is the same, 1 if anything differs.
    """
    found = kerasnets.verify(export)
    print(found)
    if not found.same:
        raise typer.Exit(1)
