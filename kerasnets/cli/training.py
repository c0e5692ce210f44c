"""Commands that train."""

from pathlib import Path
from typing import Annotated

import typer

import kerasnets
from kerasnets.cli import output
from kerasnets.cli.exits import interruptible
from kerasnets.cli.options import Data, Overrides, RecipeArgument


def train(
    recipe: RecipeArgument,
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
) -> None:
    """Train a recipe."""
    given = [*(overrides or ()), *([f"model.weights={weights}"] if weights else [])]
    given += ["model.new_head=true"] if new_head else []
    with interruptible():
        trained = kerasnets.train(
            kerasnets.load_recipe(recipe, given),
            run,
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
