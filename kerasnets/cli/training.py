"""Commands that train."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import kerasnets
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
from kerasnets.proposing.images_path import begun_recipe, is_images

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
    with interruptible():
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


def tune(
    recipe: RecipeArgument,
    trials: Annotated[int, typer.Option(metavar="N", min=1, help="Number of runs to train.")] = 8,
    to: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder for the search.", show_default="runs/NAME-tune")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the stopped search in that folder, if there is one.")
    ] = False,
    data: Data = None,
    overrides: Overrides = None,
) -> None:
    """Search for a recipe's best learning rate, or other numbers, with Keras Tuner."""
    loaded = kerasnets.load_recipe(recipe, overrides or ())
    with interruptible():
        table = kerasnets.tune(loaded, trials, to, resume=resume, data=data)
    folder = to or Path("runs", f"{loaded.name}-tune")
    print()
    output.print_table(table, plain=table.to_string(index=False), numbers="{:.4g}")
    print()
    output.print_path("best", folder / "best.toml")
    print(f"train it: kerasnets train {folder / 'best.toml'}")
