"""The public functions. Each prepares the process first and only then loads TensorFlow."""

from pathlib import Path

from kerasnets import runtime
from kerasnets.errors import UserError, nearest
from kerasnets.recipe import Recipe, load_recipe
from kerasnets.training.start import start_training

EXPORT_KINDS = ("saved_model", "onnx")


def train(recipe, run=None, resume=False):
    """Train a recipe.

    Args:
        recipe: a `Recipe`, a shipped recipe's name or the path of a TOML file.
        run: the run directory; by default runs/NAME.
        resume: go on with an unfinished run of this recipe that lies there; start one where none does;
            leave a finished one as it is.

    Returns:
        The run directory's `pathlib.Path`.

    Raises:
        UserError: the recipe, its data or the directory cannot be used.
    """
    recipe = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    return start_training(recipe, run or Path("runs", recipe.name), resume)


def evaluate(run, split="test", views=None, short_sides=None):
    """Measure a finished run on one of its splits.

    Args:
        run: the run directory.
        split: "train", "validation" or "test".
        views: "center", "ten_crop", "crops_144" or "dense", see `kerasnets.views`; by default the recipe's.
        short_sides: lengths in pixels that each image's short side is resized to, several for multi-scale
            views; by default the recipe's, or the paper's.

    Returns:
        Table with `loss`, or `cross_entropy` of averaged views, `accuracy`, `top5` of more than five
        classes, `images`, `views`, `short_sides`, and `classes`: a DataFrame of images and accuracy by class.

    Raises:
        UserError: no finished run lies there, or it has no such split.
    """
    runtime.prepare()
    from kerasnets.evaluation import evaluate_run

    return evaluate_run(run, split, views, short_sides)


def predict(run, images, top=3):
    """Classify image files with a finished run.

    Args:
        run: the run directory.
        images: paths of JPEG, PNG, BMP or GIF files.
        top: how many classes to name for each.

    Returns:
        DataFrame with `image`, `rank` (from 1), `label` and `probability`.

    Raises:
        UserError: no finished run lies there, or a file is not a readable image.
    """
    runtime.prepare()
    from kerasnets.evaluation import predict_files

    return predict_files(run, images, top)


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
    from kerasnets.tuning import tune_recipe

    return tune_recipe(recipe, trials, Path(to or Path("runs", f"{recipe.name}-tune")), resume)


def export(run, to=None, kind="saved_model"):
    """Write a finished run for others to use, and check what was written against the network in memory.

    Args:
        run: the run directory.
        to: folder of the exports; by default `export` in the run directory.
        kind: "saved_model", which takes raw images and gets the next integer as its name, or "onnx", which
            takes images of the network's size and gets the recipe's name.

    Returns:
        `pathlib.Path` of the SavedModel or the file.

    Raises:
        UserError: no finished run lies there, the folder cannot be used, or the extra `onnx` is missing.
        FailureError: what was written does not agree; it is not kept.
    """
    if kind not in EXPORT_KINDS:
        raise UserError(
            f"export to {kind!r}, allowed: {', '.join(EXPORT_KINDS)}{nearest(kind, EXPORT_KINDS)}"
        )
    runtime.prepare()
    from kerasnets.exporting import export_run

    return export_run(run, to, kind)


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
    from kerasnets.report import write_run_report

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
    from kerasnets.curation import audit_data

    return audit_data(what, to, progress)


def pack(what, to, shard_bytes=128 * 2**20, progress=None):
    """Write images as sharded TFRecords with a manifest, after an audit; `source = "tfrecord"` reads them.

    Args:
        what: as of `audit`. The splits packed are those that the source has of its own.
        to: the folder; an interrupted packing there goes on.
        shard_bytes: about how many bytes of images a shard has at most.
        progress: a function called with (images done, images in all, bytes done).

    Returns:
        The manifest, see `kerasnets.data.packing.pack`, and the `Audit`.

    Raises:
        UserError: there is no such data, the audit refuses it, or the folder holds something else.
    """
    runtime.prepare()
    from kerasnets.curation import pack_data

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
    from kerasnets import curation

    return curation.preview(recipe, to or f"{recipe.name}-preview.png", rows, columns)


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
        batch: images in a training step; by default the recipe's, or no step is estimated.
        optimizer: "sgd", "sgd_momentum", "adagrad", "rmsprop" or "adam"; by default the recipe's, or
            "sgd_momentum".
        precision: "float32", "mixed_bfloat16" or "mixed_float16".
        memory: bytes, for the largest batch that fits them.

    Returns:
        A `kerasnets.summarizing.Summary`: tables `layers` and `training`, `largest_batch`.

    Raises:
        UserError: nothing of that name, or a network that cannot be built so.
    """
    runtime.prepare()
    from kerasnets.summarizing import summarize

    return summarize(what, input_shape, classes, options, batch, optimizer, precision, memory)


def size(volume, layers):
    """Size a stack of layers typed by hand; see `kerasnets.sizing.stack.stack_sizes`."""
    from kerasnets.sizing.stack import stack_sizes

    return stack_sizes(volume, layers)
