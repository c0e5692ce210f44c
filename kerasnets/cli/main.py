"""The `kerasnets` command: what is said to a person. Everything it does, the public functions do."""

import json
import logging
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated

import typer

from kerasnets import api
from kerasnets.catalog import parse
from kerasnets.errors import FailureError, StoppedError, UserError, graph_cause, one_line
from kerasnets.models import BUILDERS
from kerasnets.recipe import load_recipe, recipe_names
from kerasnets.runs.directory import RunDirectory
from kerasnets.sizing import tables

app = typer.Typer(
    help="Train, understand and hand on convolutional networks.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

RecipeArgument = Annotated[str, typer.Argument(help="A shipped recipe's name, or the path of a TOML file.")]
RunArgument = Annotated[Path, typer.Argument(help="The run directory.")]
RunsArgument = Annotated[
    list[Path], typer.Argument(metavar="RUN...", help="The run directory; several make an ensemble.")
]
DataArgument = Annotated[
    str, typer.Argument(metavar="RECIPE|FOLDER|CSV", help="A recipe, a folder of images or shards, a CSV.")
]
Overrides = Annotated[
    list[str], typer.Option("--set", metavar="KEY=VALUE", help="Override a recipe's key; may be repeated.")
]
Data = Annotated[
    Path | None,
    typer.Option("--data", metavar="PATH", help="Where the images lie now.", show_default="as in the recipe"),
]
AllowChangedData = Annotated[
    bool, typer.Option("--allow-changed-data", help="Measure although the images are not the run's any more.")
]
AsCSV = Annotated[bool, typer.Option("--csv", help="Print the layers as CSV.")]
AsJSON = Annotated[bool, typer.Option("--json", help="Print everything as JSON.")]


@app.command("list")
def list_names():
    """List the architectures and the recipes."""
    print("architectures:")
    for name in BUILDERS:
        print(f"  {name}")
    print("recipes:")
    for name in recipe_names():
        print(f"  {name}")


@app.command()
def train(
    recipe: RecipeArgument,
    run: Annotated[Path | None, typer.Option(help="The run directory.", show_default="runs/NAME")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an unfinished run.")] = False,
    weights: Annotated[
        str | None, typer.Option(metavar="FILE", help='Start from published weights, or "imagenet".')
    ] = None,
    new_head: Annotated[bool, typer.Option("--new-head", help="Leave their classifier out.")] = False,
    data: Data = None,
    overrides: Overrides = (),
):
    """Train a recipe."""
    given = [f"model.weights={weights}"] if weights else []
    given += ["model.new_head=true"] if new_head else []
    with _interruptible():
        directory = api.train(load_recipe(recipe, [*overrides, *given]), run, resume=resume, data=data)
    result = RunDirectory(directory).result
    for split, measures in result.splits.items() if result else ():
        print(f"{split} {measures}")
    print(f"run: {directory}")


@app.command()
def tune(
    recipe: RecipeArgument,
    trials: Annotated[int, typer.Option(min=1, help="How many learning rates to try.")] = 8,
    to: Annotated[
        Path | None, typer.Option(help="Folder of the search.", show_default="runs/NAME-tune")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a stopped search.")] = False,
    overrides: Overrides = (),
):
    """Search a recipe's learning rate with Keras Tuner."""
    recipe = load_recipe(recipe, overrides)
    with _interruptible():
        table = api.tune(recipe, trials, to, resume=resume)
    folder = to or Path("runs", f"{recipe.name}-tune")
    print(f"\n{table.to_string(index=False)}\n\nbest: {folder / 'best.toml'}")
    print(f"train it: kerasnets train {folder / 'best.toml'}")


@app.command()
def evaluate(
    runs: RunsArgument,
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "test",
    views: Annotated[str | None, typer.Option(help="center, ten_crop, crops_144 or dense.")] = None,
    short_sides: Annotated[
        list[int] | None, typer.Option("--short-side", help="Of the views; several for multi-scale.")
    ] = None,
    data: Data = None,
    allow_changed_data: AllowChangedData = False,
):
    """Measure a finished run on one of its splits; of several also the average of their predictions."""
    measured = api.evaluate(
        runs, split, views=views, short_sides=short_sides, data=data, allow_changed_data=allow_changed_data
    )
    print(measured)


@app.command()
def predict(
    run: RunArgument,
    images: Annotated[list[Path], typer.Argument(help="Image files, or folders of them.")],
    top: Annotated[int, typer.Option(min=1, help="How many classes to name for each.")] = 3,
):
    """Classify image files with a finished run, or predict their numbers.

    Exit code 2 where a file could not be read: each is named, the others are predicted.
    """
    from kerasnets.files.tables import frame_text  # pandas is loaded when it is needed

    table = api.predict(run, images, top=top)
    print(frame_text(table))
    if table.attrs["refused"]:
        sys.exit(2)


@app.command()
def audit(
    what: DataArgument,
    to: Annotated[Path, typer.Option(help="Folder of the table and the page.")] = Path("audit"),
):
    """Look at every image, and say what is wrong or odd. Exit code 2 where training would be refused."""
    with _interruptible("what was inspected is remembered"):
        found = api.audit(what, to, progress=_counter("audited"))
    print(f"{found.text()}\ntable: {to / 'audit.csv'}\npage: {to / 'audit.html'}")
    found.check()


@app.command()
def pack(
    what: DataArgument,
    to: Annotated[Path, typer.Argument(help="The folder to pack into.")],
    shard: Annotated[str, typer.Option(metavar="SIZE", help="Of a shard, at most.")] = "128MiB",
):
    """Write images as sharded TFRecords, for large sets and several hosts; goes on where it was stopped."""
    with _interruptible("the shards done are kept: the same command goes on"):
        manifest, found = api.pack(
            what, to, shard_bytes=parse.parse_bytes(shard), progress=_counter("packed")
        )
    print(found.text())
    for split, shards in manifest["splits"].items():
        images, size = (sum(one[key] for one in shards) for key in ("count", "bytes"))
        print(f"{split}: {images:,} images, {size / 2**20:,.1f} MiB, {len(shards)} shard(s)")
    print(f"packed: {to}")


@app.command()
def cache(
    clear: Annotated[bool, typer.Option("--clear", help="Remove it; running trainings go on.")] = False,
):
    """Show what is kept between runs, and how large it is: decoded images, statistics, results."""
    parts = api.cache(clear=clear)
    for part in parts:
        state = " kept: in use by a running process" if part.in_use else " removed" if clear else ""
        count = f"{part.files:,} file{'s' * (part.files != 1)}"
        print(f"{part.path}: {part.meaning}: {count}, {part.bytes / 2**20:,.1f} MiB{state}")


@app.command()
def preview(
    recipe: RecipeArgument,
    to: Annotated[Path | None, typer.Option(help="The PNG.", show_default="NAME-preview.png")] = None,
    rows: Annotated[int, typer.Option(min=1, max=20, help="How many images.")] = 6,
    columns: Annotated[int, typer.Option(min=1, max=20, help="In how many epochs each.")] = 6,
    overrides: Overrides = (),
):
    """Write a picture of training images as they are and as the network will see them."""
    print(f"preview: {api.preview(load_recipe(recipe, overrides), to, rows=rows, columns=columns)}")


@app.command()
def export(
    runs: RunsArgument,
    to: Annotated[Path | None, typer.Option(help="Folder of the exports.", show_default="RUN/export")] = None,
    kind: Annotated[str, typer.Option("--format", help="saved_model or onnx.")] = "saved_model",
    data: Data = None,
    allow_changed_data: AllowChangedData = False,
):
    """Write a finished run, or several as one, as a SavedModel that takes raw images, or as ONNX."""
    print(f"exported: {api.export(runs, to, kind=kind, data=data, allow_changed_data=allow_changed_data)}")


@app.command()
def summary(
    what: Annotated[str, typer.Argument(metavar="NAME|RECIPE|RUN", help="Architecture, recipe or run.")],
    volume: Annotated[str | None, typer.Option("--input", metavar="HxWxC", help="Of the images.")] = None,
    classes: Annotated[int | None, typer.Option(min=1, help="Number of logits.")] = None,
    options: Annotated[
        list[str], typer.Option("--option", metavar="KEY=VALUE", help="Of the architecture; may be repeated.")
    ] = (),
    batch: Annotated[int | None, typer.Option(min=1, help="Estimate a step of so many images.")] = None,
    optimizer: Annotated[
        str | None, typer.Option(help="sgd, sgd_momentum, adagrad, rmsprop or adam.")
    ] = None,
    precision: Annotated[str | None, typer.Option(help="float32, mixed_bfloat16 or mixed_float16.")] = None,
    memory: Annotated[
        str | None, typer.Option(metavar="SIZE", help="Say the largest batch that fits, for instance 8GiB.")
    ] = None,
    as_csv: AsCSV = False,
    as_json: AsJSON = False,
):
    """Size a network layer by layer, and estimate the memory of training it."""
    summarized = api.summary(
        what,
        input_shape=parse.parse_volume(volume) if volume else None,
        classes=classes,
        options=dict(map(parse.parse_option, options)),
        batch=batch,
        optimizer=optimizer,
        precision=precision,
        memory=parse.parse_bytes(memory) if memory else None,
    )
    more = {"training": summarized.training, "largest_batch": summarized.largest_batch}
    _print_sizes(summarized.layers, as_csv, as_json, name=summarized.name, **more)
    if as_csv or as_json:
        return
    if summarized.note:
        print(summarized.note)
    if summarized.training:
        print(f"\n{tables.training_text(summarized.training)}")
    if memory:
        largest = f"largest batch in {memory}: {summarized.largest_batch:,} images"
        print(f"{largest} (leave a tenth of the memory to the allocator)")


@app.command()
def bench(
    what: Annotated[str, typer.Argument(metavar="NAME|RECIPE", help="Architecture or recipe.")],
    batch: Annotated[
        int | None, typer.Option(help="Images in a step.", show_default="the recipe's, or 32")
    ] = None,
    precision: Annotated[
        str | None,
        typer.Option(help="float32, mixed_bfloat16 or mixed_float16.", show_default="the recipe's"),
    ] = None,
    backend: Annotated[str, typer.Option(help="tensorflow, jax or torch.")] = "tensorflow",
    volume: Annotated[str | None, typer.Option("--input", metavar="HxWxC", help="Of the images.")] = None,
    classes: Annotated[int | None, typer.Option(min=1, help="Number of logits.")] = None,
    options: Annotated[
        list[str], typer.Option("--option", metavar="KEY=VALUE", help="Of the architecture; may be repeated.")
    ] = (),
    steps: Annotated[
        int | None, typer.Option(min=1, help="In each of five repeats.", show_default="a second's")
    ] = None,
    as_json: AsJSON = False,
):
    """Measure training and prediction: images a second, where the time goes, share of the machine, memory."""
    measured = api.bench(
        what,
        batch=batch,
        precision=precision,
        backend=backend,
        input_shape=parse.parse_volume(volume) if volume else None,
        classes=classes,
        options=dict(map(parse.parse_option, options)),
        steps=steps,
    )
    print(json.dumps(measured.to_dict(), indent=2) if as_json else measured)


@app.command()
def size(
    volume: Annotated[str, typer.Argument(metavar="HxWxC", help="The input, for instance 32x32x3.")],
    layers: Annotated[list[str], typer.Argument(help="For instance conv10-3x3 relu pool2 fc10.")],
    as_csv: AsCSV = False,
    as_json: AsJSON = False,
):
    """Size a stack of layers typed by hand: convN-FxF[-sSTRIDE][-pPAD][-gGROUPS], poolF[-sS], relu, fcN."""
    _print_sizes(api.size(volume, layers), as_csv, as_json)


@app.command()
def report(run: RunArgument):
    """Write a run's report.html."""
    print(f"report: {api.write_report(run)}")


@app.command()
def complexity(
    names: Annotated[
        list[str] | None, typer.Argument(help="Architectures.", show_default="all with a published accuracy")
    ] = None,
    to: Annotated[Path, typer.Option(help="Folder of the table and the picture.")] = Path("complexity"),
):
    """Compare architectures: published ImageNet accuracy against operations and parameters."""
    table = api.complexity(to, names)
    counts = dict.fromkeys(("parameters", "macs", "flops"), "{:,}".format)
    print(table.drop(columns="family").to_string(index=False, formatters=counts))
    print(f"table: {to / 'complexity.csv'}\npicture: {to / 'complexity.png'}")


def _print_sizes(table, as_csv, as_json, **more):
    if as_csv and as_json:
        raise UserError("found --csv and --json, allowed: one of them")
    if as_csv:
        print(tables.table_csv(table), end="")
    elif as_json:
        print(tables.table_json(table, **more))
    else:
        print(f"{tables.table_text(table)}\n\n{tables.volume_text(table)}")


def _counter(what):
    """Return a function that shows how far a long command is, on a terminal alone."""

    def show(done, total, *_):
        if sys.stderr.isatty():
            print(f"\r{what} {done:,} of {total:,}", end="\n" if done == total else "", file=sys.stderr)

    return show


class _Said(logging.Formatter):
    """Messages as they are, warnings marked as such."""

    def format(self, record):
        mark = f"{record.levelname.lower()}: " if record.levelno > logging.INFO else ""
        return mark + one_line(super().format(record))


def main():
    """Run the command.

    Exit code 0; 2 for what the user must mend; 1 for what the machine refuses; 130 for Ctrl-C, 143 for
    SIGTERM, 129 for SIGHUP.
    """
    shown = logging.StreamHandler()
    shown.setFormatter(_Said())
    logging.basicConfig(level=logging.WARNING, handlers=[shown])
    logging.getLogger("kerasnets").setLevel(logging.INFO)
    try:
        app(standalone_mode=True)
    except UserError as error:
        _stop(error, 2)
    except (FailureError, OSError) as error:
        _stop(error, 1)
    except Exception as error:
        # TensorFlow's, which is not loaded here: images that break while they are read
        if not type(error).__module__.startswith("tensorflow."):
            raise
        _stop(graph_cause(error), 1)


@contextmanager
def _interruptible(kept="what is done is kept: go on with --resume"):
    try:
        yield
    except StoppedError as stopped:
        _stop(f"{stopped}; {kept}", stopped.code)
    except KeyboardInterrupt:
        _stop(f"interrupted; {kept}", 130)


def _stop(message, code):
    with suppress(OSError):  # a terminal that was closed hears nothing
        print(f"kerasnets: {one_line(message)}", file=sys.stderr)
    sys.exit(code)
