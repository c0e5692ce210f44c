"""Commands that say what networks cost, before any training."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import kerasnets
from kerasnets.catalog import parse
from kerasnets.cli import output
from kerasnets.cli.options import (
    AsCSV,
    AsJSON,
    BuilderOptions,
    Classes,
    InputSize,
    Precision,
    complete_network,
)
from kerasnets.errors import UserError
from kerasnets.sizing import tables

if TYPE_CHECKING:
    import pandas as pd


def summary(
    what: Annotated[
        str,
        typer.Argument(
            metavar="NAME|RECIPE|RUN",
            help="Architecture, recipe or run directory.",
            autocompletion=complete_network,
            show_default=False,
        ),
    ],
    volume: InputSize = None,
    classes: Classes = None,
    options: BuilderOptions = None,
    batch: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Images in a training step, to estimate its memory.",
            show_default="the recipe's",
        ),
    ] = None,
    optimizer: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Optimizer of the estimate: sgd, sgd_momentum, adagrad, rmsprop or adam.",
            show_default="the recipe's, or sgd_momentum",
        ),
    ] = None,
    precision: Precision = None,
    memory: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE",
            help="Find the largest batch that fits this memory, for example 8GiB.",
            show_default=False,
        ),
    ] = None,
    as_csv: AsCSV = False,
    as_json: AsJSON = False,
) -> None:
    """Size a network layer by layer, and estimate the memory of training it."""
    found = kerasnets.summary(
        what,
        input_shape=parse.parse_volume(volume) if volume else None,
        classes=classes,
        options=dict(map(parse.parse_option, options or ())),
        batch=batch,
        optimizer=optimizer,
        precision=precision,
        memory=parse.parse_bytes(memory) if memory else None,
    )
    more = {"training": found.training, "largest_batch": found.largest_batch}
    _print_sizes(found.layers, as_csv=as_csv, as_json=as_json, name=found.name, **more)
    if as_csv or as_json:
        return
    if found.note:
        print(found.note)
    if found.training:
        print(f"\n{tables.training_text(found.training)}")
    if memory:
        largest = f"largest batch in {memory}: {found.largest_batch:,} images"
        print(f"{largest} (leave a tenth of the memory to the allocator)")


def size(
    volume: Annotated[
        str,
        typer.Argument(metavar="HxWxC", help="Size of the input, for example 32x32x3.", show_default=False),
    ],
    layers: Annotated[
        list[str],
        typer.Argument(
            metavar="LAYER", help="Layers, for example conv10-3x3 relu pool2 fc10.", show_default=False
        ),
    ],
    as_csv: AsCSV = False,
    as_json: AsJSON = False,
) -> None:
    """Size a stack of layers typed by hand.

    Layers are convN-FxF, optionally with a stride -s2, a padding -p1 or groups -g2; poolF, avgpoolF,
    globalpool, fcN, relu, tanh, sigmoid, dropout, lrn and bn.
    """
    _print_sizes(kerasnets.size(volume, layers), as_csv=as_csv, as_json=as_json)


def complexity(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME", help="Architectures to compare.", show_default="all with a published accuracy"
        ),
    ] = None,
    to: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the table and the picture.")] = Path(
        "complexity"
    ),
) -> None:
    """Compare the published accuracy of architectures with their operations and parameters."""
    table = kerasnets.complexity(to, names)
    formats = dict.fromkeys(("parameters", "macs", "flops"), "{:,}".format)
    shown = table.drop(columns="family")
    output.print_table(shown, formats=formats, plain=shown.to_string(index=False, formatters=formats))
    output.print_path("table", to / "complexity.csv")
    output.print_path("picture", to / "complexity.png")


def bench(
    what: Annotated[
        str,
        typer.Argument(
            metavar="NAME|RECIPE",
            help="Architecture or recipe.",
            autocompletion=complete_network,
            show_default=False,
        ),
    ],
    batch: Annotated[
        int | None,
        typer.Option(metavar="N", help="Images in a training step.", show_default="the recipe's, or 32"),
    ] = None,
    precision: Precision = None,
    backend: Annotated[
        str, typer.Option(metavar="NAME", help="Keras backend to measure: tensorflow, jax or torch.")
    ] = "tensorflow",
    volume: InputSize = None,
    classes: Classes = None,
    options: BuilderOptions = None,
    steps: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Training steps in each of five repeats.",
            show_default="as many as take a second",
        ),
    ] = None,
    as_json: AsJSON = False,
) -> None:
    """Measure how fast a network trains and predicts here, and where the time goes."""
    measured = kerasnets.bench(
        what,
        batch=batch,
        precision=precision,
        backend=backend,
        input_shape=parse.parse_volume(volume) if volume else None,
        classes=classes,
        options=dict(map(parse.parse_option, options or ())),
        steps=steps,
    )
    print(json.dumps(measured.to_dict(), indent=2) if as_json else measured)


def _print_sizes(table: "pd.DataFrame", *, as_csv: bool, as_json: bool, **more: Any) -> None:
    if as_csv and as_json:
        raise UserError("found --csv and --json, allowed: one of them")
    if as_csv:
        print(tables.table_csv(table), end="")
    elif as_json:
        print(tables.table_json(table, **more))
    else:
        cells = tables.formatted(table)
        output.print_table(cells, plain=tables.table_text(table), right=set(cells) - {"layer", "kind"})
        print(f"\n{tables.volume_text(table)}")
