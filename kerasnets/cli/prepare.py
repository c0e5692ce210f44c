"""Commands before a training: what there is, and what is in the images."""

import shlex
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

import kerasnets
from kerasnets import terminal
from kerasnets.catalog import parse
from kerasnets.cli import output
from kerasnets.cli.exits import interruptible
from kerasnets.cli.options import (
    Data,
    ImagesArgument,
    Minutes,
    Network,
    Overrides,
    RecipeArgument,
    Scratch,
)
from kerasnets.errors import UserError, nearest
from kerasnets.models import BUILDERS
from kerasnets.proposing.images_path import recipe_name
from kerasnets.recipe.recipe_files import shipped_recipes

KINDS = ["architectures", "recipes"]
"""What there is to list."""


def list_names(
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="recipes|architectures",
            help="What to list.",
            show_default="both",
            autocompletion=lambda: KINDS,
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="List only recipes for this data, for example cifar10.", show_default="all"
        ),
    ] = None,
) -> None:
    """List the architectures, and the recipes with their network, data and result."""
    if what not in (None, *KINDS):
        raise UserError(f"list: found {what!r}, allowed: {', '.join(KINDS)}{nearest(what, KINDS)}")
    listing: dict[str, dict[str, tuple[str, ...]]] = {}
    if what == "architectures" or (what is None and data is None):
        listing["architectures"] = dict.fromkeys(BUILDERS, ())
    if what != "architectures":
        recipes = shipped_recipes(data)
        listing["recipes"] = {each.name: (each.description, each.result) for each in recipes}
    output.print_listing(listing)


def new(
    images: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER|CSV", help="Folder of images, or CSV file of them.", show_default=False
        ),
    ],
    to: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Recipe to write.", show_default="NAME.toml")
    ] = None,
    network: Network = None,
    weights: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help='Published weights to start from, or "imagenet" for those of Keras.',
            show_default="those that can be had",
        ),
    ] = None,
    minutes: Minutes = None,
    scratch: Scratch = False,
) -> None:
    """Look at images and at this machine, and write a recipe that says why.

    Where published weights cannot be had, a line says which file would help.
    """
    to = to or Path(f"{recipe_name(images)}.toml")
    with interruptible("what was inspected is remembered"):
        proposal = kerasnets.new_recipe(
            images,
            to,
            network=network,
            weights=weights,
            minutes=minutes,
            scratch=scratch,
            progress=output.progress_counter("audited"),
        )
    print(proposal)
    output.print_path("recipe", to)
    print(f"train it: kerasnets train {shlex.quote(str(to))}")


def audit(
    what: ImagesArgument,
    to: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the table and the page.")] = Path(
        "audit"
    ),
) -> None:
    """Inspect every image, and report what is wrong or odd.

    The exit code is 2 if training would refuse these images.
    """
    with interruptible("what was inspected is remembered"):
        found = kerasnets.audit(what, to, progress=output.progress_counter("audited"))
    print(found)
    print(f"splits: {found.splits_text()}")
    output.print_path("table", to / "audit.csv")
    output.print_path("page", to / "audit.html")
    found.check()


def preview(
    recipe: RecipeArgument,
    to: Annotated[
        Path | None, typer.Option(metavar="FILE", help="PNG file to write.", show_default="NAME-preview.png")
    ] = None,
    rows: Annotated[int, typer.Option(metavar="N", min=1, max=20, help="Number of images.")] = 6,
    columns: Annotated[
        int, typer.Option(metavar="N", min=1, max=20, help="Number of epochs to show each in.")
    ] = 6,
    overrides: Overrides = None,
) -> None:
    """Draw training images as they are and as the network will see them."""
    loaded = kerasnets.load_recipe(recipe, overrides or ())
    output.print_path("preview", kerasnets.preview(loaded, to, rows=rows, columns=columns))


def check(
    recipe: RecipeArgument,
    to: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder for a picture of what augmentation makes of the images.",
            show_default="none is drawn",
        ),
    ] = None,
    data: Data = None,
    overrides: Overrides = None,
) -> None:
    """Check a training before it begins: what is wrong with it, what to do, how long it will take.

    The exit code is 0 if it is sound, 3 if a fault was found; notes are none.
    """
    loaded = kerasnets.load_recipe(recipe, overrides or ())
    shown = terminal.recorded_by(lambda text: None) if terminal.is_terminal(sys.stdout) else nullcontext()
    with interruptible("nothing was written"), shown:
        checked = kerasnets.check(loaded, to, data=data)
    output.print_checks(checked.report.outcomes)
    print(checked.cost)
    if checked.picture:
        output.print_path("augmentation", checked.picture)
    print(f"{checked.name}: {checked.report.conclusion}")
    if not checked.sound:
        raise typer.Exit(3)


def pack(
    what: ImagesArgument,
    to: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to pack into.", show_default=False)],
    shard: Annotated[
        str, typer.Option(metavar="SIZE", help="Bytes of images in a shard, at most.")
    ] = "128MiB",
) -> None:
    """Write images as sharded TFRecords, for large data sets and several hosts.

    An interrupted packing continues where it was stopped.
    """
    with interruptible("the shards done are kept: the same command continues"):
        manifest, found = kerasnets.pack(
            what,
            to,
            shard_bytes=parse.parse_bytes(shard),
            progress=output.progress_counter("packed"),
        )
    print(found)
    print(manifest)
    output.print_path("packed", to)


def cache(
    clear: Annotated[
        bool, typer.Option("--clear", help="Remove it. Trainings that are running continue.")
    ] = False,
) -> None:
    """Show what is kept between runs, where, and how large it is."""
    for part in kerasnets.cache(clear=clear):
        state = " kept: in use by a running process" if part.in_use else " removed" if clear else ""
        count = f"{part.files:,} file{'s' * (part.files != 1)}"
        print(f"{part.path}: {part.meaning}: {count}, {part.bytes / 2**20:,.1f} MiB{state}")
