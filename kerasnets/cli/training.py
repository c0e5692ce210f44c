"""Commands that train."""

import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import kerasnets
from kerasnets import terminal
from kerasnets.catalog import parse
from kerasnets.cli import output
from kerasnets.cli.exits import interruptible
from kerasnets.cli.options import (
    Data,
    Minutes,
    Network,
    Overrides,
    RecipeArgument,
    RecipeOrImagesArgument,
    Scratch,
)
from kerasnets.errors import UserError
from kerasnets.files.whole_files import check_writable
from kerasnets.proposing.images_path import begun_recipe, is_images
from kerasnets.training.distribution.rendezvous import telling_other_hosts

if TYPE_CHECKING:
    from kerasnets.proposing.proposal import Proposal
    from kerasnets.recipe import Recipe


def train(
    recipe: RecipeOrImagesArgument,
    run: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Run directory to write.", show_default="runs/NAME")
    ] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Continue the unfinished run in the run directory, if there is one."),
    ] = False,
    weights: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help='Start from the weights in this file, or from "imagenet".',
            show_default=False,
        ),
    ] = None,
    new_head: Annotated[
        bool, typer.Option("--new-head", help="Leave out the classifier of these weights.")
    ] = False,
    data: Data = None,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Write events for TensorBoard into RUN/tensorboard too.")
    ] = False,
    mlflow: Annotated[
        str | None,
        typer.Option(
            metavar="URI",
            envvar="MLFLOW_TRACKING_URI",
            help="MLflow tracking server to report to.",
            show_default=False,
        ),
    ] = None,
    mlflow_experiment: Annotated[
        str, typer.Option(metavar="NAME", help="Name of the experiment in MLflow.")
    ] = "kerasnets",
    overrides: Overrides = None,
    network: Network = None,
    minutes: Minutes = None,
    scratch: Scratch = False,
) -> None:
    """Train a recipe; or images, with a recipe that is made for them as `kerasnets new` makes it."""
    options = {"network": network, "minutes": minutes, "scratch": scratch}
    with interruptible(), telling_other_hosts():
        if is_images(recipe):
            chosen = _for_images(recipe, run, resume=resume, weights=weights, **options)
            changes = dict(parse.parse_key_value(each, "--set", SET_FORM) for each in overrides or ())
        else:
            chosen, changes = _recipe(recipe, overrides, weights=weights, new_head=new_head, **options), {}
        trained = kerasnets.train(
            chosen,
            run,
            overrides=changes,
            resume=resume,
            data=data,
            tensorboard=tensorboard,
            mlflow=mlflow,
            mlflow_experiment=mlflow_experiment,
        )
    result = trained.result
    for split, measures in result.splits.items() if result else ():
        print(f"{split} {measures}")
    output.print_path("run", trained)


SET_FORM = "dotted.key=value, for instance optimizer.learning_rate=0.05"


def _recipe(
    name: str, overrides: Sequence[str] | None, *, weights: str | None, new_head: bool, **options: object
) -> "Recipe":
    """Return a recipe by its name, with keys set; refuse the options that images have."""
    for option, value in options.items():
        if value:
            raise UserError(f"--{option}: found with a recipe, allowed: with a folder or a table of images")
    given = [*(overrides or ()), *([f"model.weights={weights}"] if weights else [])]
    return kerasnets.load_recipe(name, [*given, *(["model.new_head=true"] if new_head else [])])


def _for_images(images: str, run: Path | None, *, resume: bool, **options: Any) -> "Recipe | Proposal":
    """Return the recipe of the run on these images that goes on, or a new one; say what it is."""
    begun = begun_recipe(images, run) if resume else None
    if begun:
        return begun
    proposal = kerasnets.new_recipe(images, progress=output.progress_counter("audited"), **options)
    print(proposal)
    return proposal


def lr(
    recipe: RecipeArgument,
    to: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder for numbers and picture.", show_default="runs/NAME-lr"),
    ] = None,
    seeds: Annotated[
        int, typer.Option(metavar="N", min=1, help="How many times the rate rises, each with other weights.")
    ] = 3,
    lowest: Annotated[
        float | None,
        typer.Option(
            metavar="RATE",
            help="Learning rate to begin at.",
            show_default="one that hardly moves the weights",
        ),
    ] = None,
    highest: Annotated[
        float | None,
        typer.Option(
            metavar="RATE",
            help="Learning rate to end at, where the loss has not diverged before.",
            show_default="one that moves the weights by far more than their size",
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=2,
            help="Rates that each seed goes through.",
            show_default="by the training's length",
        ),
    ] = None,
    data: Data = None,
    overrides: Overrides = None,
) -> None:
    """Find between which learning rates the best one lies: a range test, for a part of a training's cost.

    The rate rises until the loss diverges, on a network that is thrown away. Writes range.json, range.csv,
    range.png and range.svg.
    """
    loaded = kerasnets.load_recipe(recipe, overrides or ())
    folder = to or Path("runs", f"{loaded.name}-lr")
    check_writable(folder, "the range test")
    shown = terminal.recorded_by(lambda text: None) if terminal.is_terminal(sys.stdout) else nullcontext()
    with interruptible("nothing was written"), shown:
        found = kerasnets.find_rate(
            loaded, seeds=seeds, lowest=lowest, highest=highest, steps=steps, data=data
        )
    from kerasnets.rate_range.files import write_range
    from kerasnets.rate_range.table import short_table

    paths = write_range(found, folder)
    table = short_table(found)
    output.print_table(table, plain=table.to_string(index=False))
    print(found)
    for label, path in paths.items():
        output.print_path(label, path)


def tune(
    recipe: RecipeArgument = "",
    trials: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Trials of random, bayesian or grid before the best are trained in full.",
            show_default="tune.trials, or 8",
        ),
    ] = None,
    workers: Annotated[
        int,
        typer.Option(metavar="N", min=1, help="Trials at a time, each with its part of the cores and GPUs."),
    ] = 1,
    to: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder for the search.", show_default="runs/NAME-tune")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the stopped search in that folder, if there is one.")
    ] = False,
    data: Data = None,
    overrides: Overrides = None,
    show: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Search nothing; write page.html of the search in this folder, finished or not.",
            show_default=False,
        ),
    ] = None,
    pictures: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder for every picture of the page as PNG and SVG.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Search the best learning rate of a recipe, or the best values of the keys that its [tune] names."""
    if show:
        _show_search(show, pictures)
        return
    if not recipe:
        raise UserError("tune: found no recipe, allowed: a recipe, or --show DIR")
    from kerasnets.runs.searches.directory import SearchDirectory
    from kerasnets.tuning.workers.roles import role

    loaded = kerasnets.load_recipe(recipe, overrides or ())
    folder = to or Path("runs", f"{loaded.name}-tune")
    with interruptible():
        table = kerasnets.tune(loaded, trials, folder, workers=workers, resume=resume, data=data)
    if role() == "worker":  # the chief tells what was found
        output.print_path("search", folder)
        return
    print()
    output.print_table(table, plain=table.to_string(index=False), numbers="{:.4g}")
    print()
    best = SearchDirectory(folder).best()
    if best is not None:
        print(best.verdict)
        print(f"cost: {best.trainings:.3g} trainings")
        output.print_path("best", folder / "best.toml")
        _show_search(folder, pictures)
        print(f"train it: kerasnets train {folder / 'best.toml'}")


def _show_search(search: Path, pictures: Path | None) -> None:
    """Write the page of a search, and say where it is."""
    output.print_path("page", kerasnets.write_search_report(search, pictures=pictures))
    if pictures:
        output.print_path("pictures", pictures)
