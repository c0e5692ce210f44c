"""Commands that measure and explain finished runs, published weights, and the course's claims."""

from pathlib import Path
from typing import Annotated

import typer

import kerasnets
from kerasnets.catalog import parse
from kerasnets.cli import output
from kerasnets.cli.exits import interruptible
from kerasnets.cli.options import (
    AllowChangedData,
    Data,
    NoCalibration,
    Overrides,
    RunArgument,
    short_sides_option,
    views_option,
)
from kerasnets.errors import UserError
from kerasnets.studies.catalog import STUDIES


def evaluate(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN|NAME",
            help="Run directory; several make an ensemble. With --weights an architecture or a recipe.",
            show_default=False,
        ),
    ],
    split: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Split to measure: train, validation or test.",
            show_default="test; with --weights the first there is of test, validation and train",
        ),
    ] = None,
    views: Annotated[str | None, views_option("the recipe's")] = None,
    short_sides: Annotated[list[int] | None, short_sides_option("the recipe's")] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH|SOURCE",
            help="Path of the images, if they are not where the recipe says. With --weights a folder, a CSV "
            "or NPZ file, or a source such as cifar10.",
            show_default="the recipe's data.path",
        ),
    ] = None,
    allow_changed_data: AllowChangedData = False,
    to: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder for the tables and the page.",
            show_default="evaluation/SPLIT in the run; of several runs, and with --weights, none",
        ),
    ] = None,
    no_calibration: NoCalibration = False,
    weights: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Published weights to measure, of the network NAME.", show_default=False
        ),
    ] = None,
    overrides: Overrides = None,
) -> None:
    """Measure a finished run on one of its splits; of several runs also their average. Or published weights.

    Tables of every image and class, measures with 95 % intervals, and a page that shows the mistakes are
    kept. Of published weights images are prepared as whoever published them did, or as a recipe says.
    """
    from kerasnets.files.tables import frame_text  # loads pandas

    if weights is not None:
        if data is None or len(runs) != 1 or allow_changed_data:
            raise UserError(
                "--weights: allowed with one NAME and --data, a folder, a CSV or NPZ file, or a source; "
                "without --allow-changed-data"
            )
        measured = kerasnets.evaluate_weights(
            str(runs[0]),
            weights,
            data,
            split=split,
            views=views,
            short_sides=short_sides,
            overrides=dict(
                parse.parse_key_value(each, "--set", "key=value, for instance data.audit.truncated=skip")
                for each in overrides or ()
            ),
            to=to,
        )
    elif overrides:
        raise UserError("--set: allowed with --weights: a run has its own recipe")
    else:
        measured = kerasnets.evaluate(
            runs,
            split or "test",
            views=views,
            short_sides=short_sides,
            data=data,
            allow_changed_data=allow_changed_data,
            to=to,
            calibrated=not no_calibration,
        )
    for table in measured.tables():
        output.print_table(table, plain=frame_text(table))
    print("\n".join(measured.lines()))
    if measured.page:
        output.print_path("page", measured.page)


def calibrate(
    run: RunArgument,
    precision: Annotated[
        float,
        typer.Option(metavar="SHARE", help="Share of the answers that are to be right. 0 for no threshold."),
    ] = 0.95,
    split: Annotated[
        str, typer.Option(metavar="NAME", help="Split to calibrate on: validation or test.")
    ] = "validation",
    data: Data = None,
    allow_changed_data: AllowChangedData = False,
) -> None:
    """Calibrate a finished run's probabilities, and choose when it answers unknown.

    Predict, evaluate and export use it from then on.
    """
    print(
        kerasnets.calibrate(
            run, precision=precision, split=split, data=data, allow_changed_data=allow_changed_data
        )
    )


def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN",
            help="Run directories, two or more. Each is compared with the first.",
            show_default=False,
        ),
    ],
    split: Annotated[
        str, typer.Option(metavar="NAME", help="Split to compare on: train, validation or test.")
    ] = "test",
    to: Annotated[Path, typer.Option(metavar="FILE", help="Path of the page.")] = Path("comparison.html"),
    data: Data = None,
    views: Annotated[str | None, views_option("each recipe's")] = None,
    short_sides: Annotated[list[int] | None, short_sides_option("each recipe's")] = None,
) -> None:
    """Compare finished runs on the same images, and say whether their difference is more than chance.

    A table of what differs between the recipes, measures with 95 % intervals, a paired test, and a page that
    shows the images that one run has right and another wrong.
    """
    from kerasnets.files.tables import frame_text  # loads pandas

    compared = kerasnets.compare(runs, split, to=to, data=data, views=views, short_sides=short_sides)
    for table in compared.tables():
        output.print_table(table, plain=frame_text(table))
    print("\n".join(compared.lines()))
    output.print_path("page", compared.page)


def report(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN",
            help="Run directory, finished or not. Several runs are drawn over each other.",
            show_default=False,
        ),
    ],
    to: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Path of the page.",
            show_default="report.html in the run, of several runs in the current folder",
        ),
    ] = None,
    pictures: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Folder for every picture of the page as PNG and SVG.", show_default=False
        ),
    ] = None,
) -> None:
    """Write the verdict, the curves and the diagnostics of runs as one self-contained page."""
    output.print_path("report", kerasnets.write_report(runs, to, pictures=pictures))
    if pictures:
        output.print_path("pictures", pictures)


def watch(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN", help="Run directories. They need not exist yet.")
    ],
    port: Annotated[
        int, typer.Option(metavar="N", min=0, max=65535, help="Port to serve on. 0 takes one that is free.")
    ] = 8300,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Address of this machine to serve on.")
    ] = "127.0.0.1",
) -> None:
    """Serve the report of runs live while they train."""
    with interruptible(kept="the runs are not touched"):
        kerasnets.watch(
            runs, host=host, port=port, announce=lambda address: output.print_path("watch", address)
        )


def study(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME", help="Study to run.", autocompletion=lambda: list(STUDIES), show_default=False
        ),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder for the results.", show_default="runs/NAME-study"),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="SOURCE",
            help="Images that the study filters trains on: digits, mnist, fashion_mnist or cifar10.",
            show_default="cifar10 where it is here, else digits",
        ),
    ] = None,
    part: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATTERN",
            help='Run only the parts whose names this fits, for instance "lenet5*". May be given again.',
            show_default=False,
        ),
    ] = None,
    list_all: Annotated[bool, typer.Option("--list", help="List the studies and what each shows.")] = False,
) -> None:
    """Run a study: many small trainings that show one claim; a table, a picture and a sentence.

    A study that was stopped goes on where it was.
    """
    if list_all:
        output.print_listing({"studies": {each: (listed.claim,) for each, listed in STUDIES.items()}})
        return
    if name is None:
        raise UserError(f"study: found no name, allowed: {', '.join(STUDIES)}, or --list")
    with interruptible("what is done is kept: run it again to go on"):
        result = kerasnets.study(name, to, data=data, parts=part or (), progress=output.show_part)
    output.print_table(result.table, plain=result.table.to_string(index=False), numbers="{:.4g}")
    output.print_path("table", result.file("csv"))
    output.print_path("picture", result.file("png"))
    output.print_path("page", result.file("md"))
    print(result)
