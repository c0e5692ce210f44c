"""Arguments and options that several commands share, and what a shell completes for them."""

from pathlib import Path
from typing import Annotated, Any

import typer


def complete_recipe(incomplete: str) -> list[str]:
    """Return the shipped recipes whose name starts with what was typed."""
    from kerasnets.recipe import recipe_names

    return [name for name in recipe_names() if name.startswith(incomplete)]


def complete_architecture(incomplete: str) -> list[str]:
    """Return the architectures whose name starts with what was typed."""
    from kerasnets.models import BUILDERS

    return [name for name in BUILDERS if name.startswith(incomplete)]


def complete_network(incomplete: str) -> list[str]:
    """Return the architectures and shipped recipes whose name starts with what was typed."""
    return complete_architecture(incomplete) + complete_recipe(incomplete)


RecipeArgument = Annotated[
    str,
    typer.Argument(
        metavar="RECIPE",
        help="Name of a shipped recipe, or path of a TOML file.",
        autocompletion=complete_recipe,
        show_default=False,
    ),
]
RecipeOrImagesArgument = Annotated[
    str,
    typer.Argument(
        metavar="RECIPE|FOLDER|CSV",
        help="Name of a shipped recipe, path of a TOML file, folder of images, or CSV file of them.",
        autocompletion=complete_recipe,
        show_default=False,
    ),
]
Network = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Architecture for the images.",
        autocompletion=complete_architecture,
        show_default="one that suits images and machine",
    ),
]
Minutes = Annotated[
    float | None,
    typer.Option(
        metavar="M",
        help="Minutes that training on the images may take on this machine; a few steps are timed.",
        show_default="what the images want",
    ),
]
Scratch = Annotated[
    bool, typer.Option("--scratch", help="Begin from nothing, whatever published weights there are.")
]
RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="Run directory.", show_default=False)]
RunsArgument = Annotated[
    list[Path],
    typer.Argument(metavar="RUN", help="Run directory. Several runs make an ensemble.", show_default=False),
]
ImagesArgument = Annotated[
    str,
    typer.Argument(
        metavar="RECIPE|FOLDER|CSV",
        help="Recipe, folder of images or of packed shards, or CSV file.",
        autocompletion=complete_recipe,
        show_default=False,
    ),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Set a key of the recipe, for example train.epochs=3. Can be repeated.",
        show_default=False,
    ),
]
Data = Annotated[
    Path | None,
    typer.Option(
        metavar="PATH",
        help="Path of the images, if they are not where the recipe says.",
        show_default="the recipe's data.path",
    ),
]


def views_option(default: str) -> Any:
    """Return the option for the views of each image; `default` says in words which are taken without it."""
    return typer.Option(
        metavar="NAME",
        help="Views of each image to average: center, ten_crop, crops_144 or dense.",
        show_default=default,
    )


def short_sides_option(default: str) -> Any:
    """Return the option for the sizes of views; `default` says in words which are taken without it."""
    return typer.Option(
        "--short-side",
        metavar="PIXELS",
        help="Length to resize the short side of images to for the views. Repeat it for several scales.",
        show_default=default,
    )


AllowChangedData = Annotated[
    bool,
    typer.Option(
        "--allow-changed-data",
        help="Accept images that have changed since the run was made; the output names the changes.",
    ),
]
NoCalibration = Annotated[
    bool,
    typer.Option(
        "--no-calibration", help="Leave out what `kerasnets calibrate` has set, and never answer unknown."
    ),
]
InputSize = Annotated[
    str | None,
    typer.Option(
        "--input",
        metavar="HxWxC",
        help="Image size, for example 224x224x3.",
        show_default="the recipe's or the paper's",
    ),
]
Classes = Annotated[
    int | None,
    typer.Option(metavar="N", min=1, help="Number of classes.", show_default="the recipe's or the paper's"),
]
BuilderOptions = Annotated[
    list[str] | None,
    typer.Option(
        "--option",
        metavar="KEY=VALUE",
        help="Set an option of the architecture, for example depth=20. Can be repeated.",
        show_default=False,
    ),
]
Precision = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Number format: float32, mixed_bfloat16 or mixed_float16.",
        show_default="the recipe's, or float32",
    ),
]
AsCSV = Annotated[bool, typer.Option("--csv", help="Print the table of layers as CSV.")]
AsJSON = Annotated[bool, typer.Option("--json", help="Print all results as JSON.")]
