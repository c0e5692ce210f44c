"""The public functions. Each prepares the process first and only then loads TensorFlow."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerasnets import runtime
from kerasnets.benchmarking.case import make_case
from kerasnets.errors import UserError, nearest
from kerasnets.recipe import Recipe, load_recipe, with_data
from kerasnets.training.start import start_training

if TYPE_CHECKING:
    from kerasnets.benchmarking.result import BenchResult

EXPORT_KINDS = ("saved_model", "onnx")


def train(recipe, run=None, resume=False, data=None):
    """Train a recipe.

    Args:
        recipe: a `Recipe`, a shipped recipe's name or the path of a TOML file.
        run: the run directory; by default runs/NAME.
        resume: go on with an unfinished run of this recipe that lies there; start one where none does;
            leave a finished one as it is.
        data: path of the images in place of the recipe's `data.path`. A run goes on where they are those that
            it began with.

    Returns:
        The run directory's `pathlib.Path`.

    Raises:
        UserError: the recipe, its data or the directory cannot be used.
    """
    recipe = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    recipe = with_data(recipe, data)
    return start_training(recipe, run or Path("runs", recipe.name), resume=resume)


def evaluate(runs, split="test", views=None, short_sides=None, data=None, allow_changed_data=False):
    """Measure a finished run, or an ensemble of several, on one of its splits.

    An ensemble predicts the mean of its members' class probabilities (Krizhevsky 2012, section 6: seven
    networks), or of their values.

    Args:
        runs: the run directory; or a list of them, which have the same classes and hold out the same images.
        split: "train", "validation" or "test".
        views: "center", "ten_crop", "crops_144" or "dense", see `kerasnets.inference.views`; by default each
            recipe's.
        short_sides: lengths in pixels that each image's short side is resized to, several for multi-scale
            views; by default each recipe's, or the paper's.
        data: path of the images, where they lie elsewhere now than the recipe says.
        allow_changed_data: measure also where images were added, removed, replaced or relabelled since the
            run was made. What has changed is in the table as `changed_data`.

    Returns:
        Table with `loss`, what training minimizes, L2 regularization included (not of averaged views or
        runs), `cross_entropy`, -log of the right class's probability, `accuracy`, `top5` of more than five
        classes, `images`, `views`, `short_sides`, and `classes`: a DataFrame of images and accuracy by class.
        Of numeric targets, in place of accuracies and classes, `mean_absolute_error`, `mean_squared_error`
        and `targets`: a DataFrame of both errors by target.
        Of a run, `run`, its directory; of an ensemble, `members`: a list of each run's own table.

    Raises:
        UserError: no finished run lies there, it has no such split, its images are not there or are others
            now, or the runs differ in classes or images.
    """
    runtime.prepare()
    from kerasnets.inference.evaluate import DataPlace, evaluate_runs

    return evaluate_runs(runs, split, views, short_sides, DataPlace(data, allow_changed_data))


def predict(runs, images, top=3):
    """Predict the classes of image files, or numbers, with a finished run or an ensemble of several.

    Args:
        runs: the run directory, or a list of them, whose predictions are averaged.
        images: path of an image file, or of a folder: all images in it and below; or a list of such paths.
            They are read as the run's training images were, see `kerasnets.data.images.image_file`.
        top: how many classes to name for each.

    Returns:
        DataFrame with `image`, `rank` (from 1), `label` and `probability`; of numeric targets with `image`,
        `target` and `value`. `attrs["refused"]` maps each file that could not be read, or that the run's
        [data.audit] refuses, to the reason; each is logged as a warning too.

    Raises:
        UserError: no finished run lies there, or no file could be read.
    """
    runtime.prepare()
    from kerasnets.inference.predict import predict_files

    return predict_files(runs, images, top)


def tune(recipe, trials=8, to=None, resume=False):
    """Search the ranges of a recipe's [tune] with Keras Tuner.

    Args:
        recipe: a `Recipe`, a shipped recipe's name or the path of a TOML file.
        trials: how many to run.
        to: the folder for the trials' run directories, trials.csv and best.toml; by default
            runs/NAME-tune.
        resume: go on with a search that was stopped there.

    Returns:
        DataFrame of the trials, best first.

    Raises:
        UserError: the recipe declares nothing to search, or the folder cannot be used.
    """
    recipe = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    runtime.prepare()
    from kerasnets.tuning.search import tune_recipe

    return tune_recipe(recipe, trials, Path(to or Path("runs", f"{recipe.name}-tune")), resume)


def export(runs, to=None, kind="saved_model", data=None, allow_changed_data=False):
    """Write a finished run for others to use, and check what was written against the network in memory.

    Args:
        runs: the run directory; or a list of them, which become one model that averages their predictions.
        to: folder of the exports; by default `export` in the run directory. Several runs need one.
        kind: "saved_model", which takes raw images and gets the next integer as its name, or "onnx", which
            takes images of the network's size and gets the recipe's name, of several runs "ensemble".
        data, allow_changed_data: as of `evaluate`; the images are what the export is checked on.

    Returns:
        `pathlib.Path` of the SavedModel or the file.

    Raises:
        UserError: no finished run lies there, the runs differ in classes, test images or channels, the folder
            cannot be used, or the extra `onnx` is missing.
        FailureError: what was written does not agree; it is not kept.
    """
    if kind not in EXPORT_KINDS:
        raise UserError(
            f"export to {kind!r}, allowed: {', '.join(EXPORT_KINDS)}{nearest(kind, EXPORT_KINDS)}"
        )
    runtime.prepare()
    from kerasnets.exporting.saved_model import export_runs
    from kerasnets.inference.evaluate import DataPlace

    return export_runs(runs, to, kind, DataPlace(data, allow_changed_data))


def write_report(run):
    """Write report.html, one self-contained page, into a run directory.

    Args:
        run: the run directory, finished or stopped after at least one epoch.

    Returns:
        `pathlib.Path` of the page.

    Raises:
        UserError: no run lies there.
    """
    runtime.prepare()
    from kerasnets.report.page import write_run_report

    return write_run_report(run)


def audit(what, to=None, progress=None):
    """Look at every image before training does, and say what is wrong or odd.

    Args:
        what: a `Recipe`, a shipped recipe's name, the path of a TOML file, a folder of images or of packed
            shards, or a CSV file.
        to: a folder for audit.csv and audit.html; by default nothing is written.
        progress: a function called with (images done, images in all) now and then.

    Returns:
        A `kerasnets.data.audit.result.Audit`.

    Raises:
        UserError: there is no such data.
    """
    runtime.prepare()
    from kerasnets.data_commands import audit_data

    return audit_data(what, to, progress)


def pack(what, to, shard_bytes=128 * 2**20, progress=None):
    """Write images as sharded TFRecords with a manifest, after an audit; `source = "tfrecord"` reads them.

    Args:
        what: as of `audit`. The splits packed are those that the source has of its own.
        to: the folder; an interrupted packing there goes on.
        shard_bytes: about how many bytes of images a shard has at most.
        progress: a function called with (images done, images in all, bytes done).

    Returns:
        The manifest, see `kerasnets.data.shards.pack.pack`, and the `Audit`.

    Raises:
        UserError: there is no such data, the audit refuses it, or the folder holds something else.
    """
    runtime.prepare()
    from kerasnets.data_commands import pack_data

    return pack_data(what, to, shard_bytes, progress)


def preview(recipe, to=None, rows=6, columns=6):
    """Write a picture: training images as they are, and what the network will see of them.

    Args:
        recipe: a `Recipe`, a shipped recipe's name or the path of a TOML file.
        to: the PNG; by default NAME-preview.png in the current folder.
        rows: how many images.
        columns: in how many epochs each.

    Returns:
        `pathlib.Path` of the picture.

    Raises:
        UserError: the recipe or its data cannot be used.
    """
    recipe = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    runtime.prepare()
    from kerasnets import data_commands

    return data_commands.preview(recipe, to or f"{recipe.name}-preview.png", rows, columns)


def complexity(to=None, names=None):
    """Compare architectures: published ImageNet accuracy, and what one image costs.

    Args:
        to: a folder for complexity.csv and complexity.png; by default nothing is written.
        names: architectures; by default all with a published accuracy.

    Returns:
        DataFrame, one row an architecture: `name`, `family`, `parameters`, `macs`, `flops`, `top1` (percent),
        `views` (crops of an image it was measured on) and `source`.

    Raises:
        UserError: an architecture without a published accuracy, or `to` is a file.
    """
    runtime.prepare()
    from kerasnets.sizing.complexity import complexity_table, write_complexity

    return complexity_table(names) if to is None else write_complexity(to, names)


def summary(what, input_shape=None, classes=None, options=None, batch=None, optimizer=None, precision=None,
            memory=None):  # fmt: skip
    """Size a network layer by layer, and estimate the memory of training it; nothing is allocated.

    Args:
        what: an architecture's or a recipe's name, the path of a TOML file, a `Recipe` or a run directory.
        input_shape: (height, width, channels); by default the paper's, or what the recipe's data will be.
        classes: number of logits; by default the paper's, or the recipe's data's.
        options: further arguments of an architecture's builder, by name.
        batch: images in a training step; by default the recipe's, or no training is estimated.
        optimizer: "sgd", "sgd_momentum", "adagrad", "rmsprop" or "adam"; by default the recipe's, or
            "sgd_momentum".
        precision: "float32", "mixed_bfloat16" or "mixed_float16".
        memory: bytes, for the largest batch that fits them.

    Returns:
        A `kerasnets.network_sizes.Summary`: tables `layers` and `training`, `largest_batch`.

    Raises:
        UserError: nothing of that name, or a network that cannot be built so.
    """
    runtime.prepare()
    from kerasnets.network_sizes import summarize

    return summarize(what, input_shape, classes, options, batch, optimizer, precision, memory)


def bench(
    what: str | Recipe,
    *,
    batch: int | None = None,
    precision: str | None = None,
    backend: str = "tensorflow",
    input_shape: Sequence[int] | None = None,
    classes: int | None = None,
    options: Mapping[str, Any] | None = None,
    steps: int | None = None,
) -> "BenchResult":
    """Measure how fast a network trains and predicts on this machine.

    A training step has parts: `compute`, with a batch that lies on the device; `input`, what it takes longer
    with batches that have to come; and `callbacks`, update ratios and activation statistics at the recipe's
    cadence, and on TensorFlow checkpoints. The learning rate is zero meanwhile.

    Args:
        what: an architecture's or a recipe's name, the path of a TOML file or a `Recipe`. A recipe gives
            network, loss, optimizer, batch and precision, and on TensorFlow its own images, where they are on
            this machine. Otherwise images are generated.
        batch: images in an optimizer step; by default the recipe's, or 32.
        precision: "float32", "mixed_bfloat16" or "mixed_float16"; by default the recipe's.
        backend: "tensorflow", "jax" or "torch"; without the first, TensorFlow is not loaded.
        input_shape: (height, width, channels); by default what the recipe's data will be, or the paper's.
        classes: number of logits, likewise.
        options: further arguments of an architecture's builder, by name.
        steps: training steps in each of five repeats; by default about a second's.

    Returns:
        A `kerasnets.benchmarking.result.BenchResult`; printed, it is a text of ten lines. The operations of
        training count three times those of the forward pass.

    Raises:
        UserError: an unknown name, backend or precision, a backend that is not installed, a batch that does
            not fit into memory.
    """
    if steps is not None and steps < 1:
        raise UserError(f"--steps: found {steps}, allowed: 1 or more")
    case = make_case(
        what,
        batch=batch,
        precision=precision,
        backend=backend,
        input_shape=input_shape,
        classes=classes,
        options=options,
    )
    runtime.prepare_backend(backend)
    from kerasnets.benchmarking.run import run_bench

    return run_bench(case, steps)


def size(volume, layers):
    """Size a stack of layers typed by hand; see `kerasnets.sizing.stack.stack_sizes`."""
    from kerasnets.sizing.stack import stack_sizes

    return stack_sizes(volume, layers)


def cache(clear=False):
    """Return what is kept between runs: decoded images, statistics, what audits found.

    Args:
        clear: remove it. A process that is running goes on; another has to make again what it needs.

    Returns:
        List of `CachePart`: name, path, meaning, files, bytes, and `in_use` for what
        was not cleared because a process needs it. Data sets in the same folder are not touched.
    """
    from kerasnets.data.cache_folder import cache_parts, clear_cache

    return clear_cache() if clear else cache_parts()
