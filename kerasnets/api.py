"""The public functions. Each prepares the process first and only then loads TensorFlow."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerasnets import runtime
from kerasnets.benchmarking.case import make_case
from kerasnets.errors import UserError, nearest
from kerasnets.recipe import Recipe, changed, load_recipe, with_data
from kerasnets.runs.directory import RunDirectory
from kerasnets.training.reporters.destinations import Destinations
from kerasnets.training.start import start_training

if TYPE_CHECKING:
    import keras
    import pandas as pd

    from kerasnets.benchmarking.result import BenchResult
    from kerasnets.checking.recipe_check import RecipeCheck
    from kerasnets.data.audit.result import Audit
    from kerasnets.data.cache_folder import CachePart
    from kerasnets.data.shards.manifest import Manifest
    from kerasnets.inference.evaluate import Evaluation
    from kerasnets.network_sizes import Summary
    from kerasnets.studies.run import StudyResult

EXPORT_KINDS = ("saved_model", "onnx")

PathLike = str | os.PathLike[str]
RecipeLike = Recipe | PathLike
"""A recipe, a shipped recipe's name or the path of a TOML file."""


def train(
    recipe: RecipeLike,
    run: PathLike | None = None,
    *,
    resume: bool = False,
    data: PathLike | None = None,
    overrides: Mapping[str, Any] | None = None,
    callbacks: "Sequence[keras.callbacks.Callback]" = (),
    tensorboard: bool = False,
    mlflow: str | None = None,
    mlflow_experiment: str = "kerasnets",
) -> RunDirectory:
    """Train a recipe.

    Args:
        recipe: a `Recipe`, a shipped recipe's name or the path of a TOML file.
        run: the run directory; by default runs/NAME.
        resume: continue the unfinished run of this recipe in that directory. Where there is none, one is
            started; a finished one is left as it is.
        data: path of the images, in place of the recipe's `data.path`. A run is continued only on the images
            that it began with.
        overrides: recipe keys to change and their values, for instance `{"train.seed": 1}`; the same keys as
            `--set` takes.
        callbacks: Keras callbacks of your own, called after the run's own. One that sets
            `self.model.stop_training` ends the run early. The state of one with `get_state` and `set_state`
            is kept in checkpoints as JSON. Keras's own that monitor an accuracy need `mode="max"`; none can
            change the learning rate, which is the schedule's.
        tensorboard: write the run's records as events for TensorBoard too, into its folder `tensorboard`.
        mlflow: URI of an MLflow tracking server that gets parameters, metrics and files (extra `mlflow`).
        mlflow_experiment: name of the experiment there.

    Returns:
        The run. It is a path too, and has its records: `result`, `history()`, `diagnostics()`.

    Raises:
        UserError: the recipe, its data or the directory cannot be used.
        StoppedError: a signal stopped the training; it has saved its state and can be resumed.
        DivergedError: the loss stayed infinite or NaN.

    Example:
        >>> run = kerasnets.train("lenet5-digits", "runs/first", overrides={"train.epochs": 1})
        loading TensorFlow
        ...
        epoch 1/1 ...
        >>> run.result.epochs
        1
    """
    recipe = with_data(_recipe(recipe, overrides), data)
    path = start_training(
        recipe,
        run or Path("runs", recipe.name),
        resume=resume,
        callbacks=callbacks,
        destinations=Destinations(tensorboard=tensorboard, mlflow=mlflow, experiment=mlflow_experiment),
    )
    return RunDirectory(path)


def evaluate(
    runs: PathLike | Sequence[PathLike],
    split: str = "test",
    *,
    views: str | None = None,
    short_sides: Sequence[int] | None = None,
    data: PathLike | None = None,
    allow_changed_data: bool = False,
) -> "Evaluation":
    """Measure a finished run, or an ensemble of several, on one of its splits.

    An ensemble predicts the mean of its members' class probabilities (Krizhevsky 2012, section 6: seven
    networks), or of their values.

    Args:
        runs: a run directory; or several, which have the same classes and hold out the same images.
        split: "train", "validation" or "test".
        views: "center", "ten_crop", "crops_144" or "dense", see `kerasnets.inference.views`; by default each
            recipe's.
        short_sides: lengths in pixels that each image's short side is resized to, several for multi-scale
            views; by default each recipe's, or the paper's.
        data: path of the images, if they have moved since the run was made.
        allow_changed_data: measure although images were added, removed, replaced or relabelled since the
            run was made. What has changed is in `changed_data`.

    Returns:
        A `kerasnets.inference.evaluate.Evaluation`: `accuracy`, `loss` and the other measures, `classes`, a
        DataFrame by class, or `targets` by numeric target; of an ensemble also `members`. It prints as the
        command does.

    Raises:
        UserError: a directory holds no finished run, a run has no such split, its images are missing or have
            changed, or the runs differ in classes or images.

    Example:
        >>> measured = kerasnets.evaluate("runs/first")
        >>> measured.images
        350
        >>> measured.accuracy > 0.1
        True
    """
    runtime.prepare()
    from kerasnets.inference.evaluate import evaluate_runs
    from kerasnets.inference.run_splits import DataOptions

    options = DataOptions(data, allow_changed_data)
    return evaluate_runs(runs, split, views=views, short_sides=short_sides, data=options)


def predict(
    runs: PathLike | Sequence[PathLike], images: PathLike | Sequence[PathLike], *, top: int = 3
) -> "pd.DataFrame":
    """Predict the classes of image files, or numbers, with a finished run or an ensemble of several.

    Args:
        runs: a run directory, or several, whose predictions are averaged.
        images: path of an image file, or of a folder: all images in it and below; or several such paths.
            They are read as the run's training images were, see `kerasnets.data.images.image_file`.
        top: how many classes to name for each image, at least 1.

    Returns:
        DataFrame with `image`, `rank` (from 1), `label` and `probability`; of numeric targets with `image`,
        `target` and `value`. `attrs["refused"]` maps each file that could not be read, or that the run's
        [data.audit] refuses, to the reason; each is logged as a warning too.

    Raises:
        UserError: a directory holds no finished run, or no image could be read.

    Example:
        >>> table = kerasnets.predict("runs/first", "seven.png", top=1)
        >>> list(table)
        ['image', 'rank', 'label', 'probability']
    """
    runtime.prepare()
    from kerasnets.inference.predict import predict_files

    return predict_files(runs, images, top)


def tune(
    recipe: RecipeLike,
    trials: int = 8,
    to: PathLike | None = None,
    *,
    resume: bool = False,
    data: PathLike | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> "pd.DataFrame":
    """Search the ranges of a recipe's [tune] with Keras Tuner.

    Args:
        recipe: a `Recipe`, a shipped recipe's name or the path of a TOML file.
        trials: how many runs to train, those of a resumed search included.
        to: the folder for the trials' run directories, trials.csv and best.toml; by default
            runs/NAME-tune.
        resume: continue the search that was stopped in that folder.
        data: path of the images, in place of the recipe's `data.path`.
        overrides: recipe keys to change and their values, as of `train`.

    Returns:
        DataFrame of the trials, the best first.

    Raises:
        UserError: the recipe has no ranges to search, or the folder cannot be used.

    Example:
        >>> kerasnets.tune("lenet5-digits", trials=4, to="runs/search")  # doctest: +SKIP
    """
    recipe = with_data(_recipe(recipe, overrides), data)
    runtime.prepare()
    from kerasnets.tuning.search import tune_recipe

    return tune_recipe(recipe, trials, Path(to or Path("runs", f"{recipe.name}-tune")), resume=resume)


def export(
    runs: PathLike | Sequence[PathLike],
    to: PathLike | None = None,
    *,
    kind: str = "saved_model",
    data: PathLike | None = None,
    allow_changed_data: bool = False,
) -> Path:
    """Write a finished run for serving, and check what was written against the network in memory.

    Args:
        runs: a run directory; or several, which become one model that averages their predictions.
        to: folder of the exports; by default `export` in the run directory. Several runs need one.
        kind: "saved_model", which takes raw images and gets the next integer as its name, or "onnx", which
            takes images of the network's size and gets the recipe's name, of several runs "ensemble".
        data: path of the images that the export is checked on, if they have moved since the run was made.
        allow_changed_data: check on these images although some were added, removed, replaced or relabelled.

    Returns:
        Path of the SavedModel's folder or of the ONNX file.

    Raises:
        UserError: a directory holds no finished run, the runs differ in classes, test images or channels,
            the folder cannot be used, or the extra `onnx` is missing.
        FailureError: what was written does not agree with the network; it is not kept.

    Example:
        >>> kerasnets.export("runs/first")  # doctest: +SKIP
        PosixPath('runs/first/export/1')
    """
    if kind not in EXPORT_KINDS:
        raise UserError(
            f"export to {kind!r}, allowed: {', '.join(EXPORT_KINDS)}{nearest(kind, EXPORT_KINDS)}"
        )
    runtime.prepare()
    from kerasnets.exporting.saved_model import export_runs
    from kerasnets.inference.run_splits import DataOptions

    return export_runs(runs, to, kind=kind, data=DataOptions(data, allow_changed_data))


def write_report(
    runs: PathLike | Sequence[PathLike],
    to: PathLike | None = None,
    *,
    pictures: PathLike | None = None,
) -> Path:
    """Write one self-contained page of a run: verdict, curves, diagnostics, recipe; or of several, overlaid.

    Args:
        runs: a run directory, finished or not; or several.
        to: file of the page; by default `report.html` in the run directory, of several runs in the current
            folder.
        pictures: folder that gets every picture of the page as a PNG and an SVG file too, created if need be.

    Returns:
        Path of the page.

    Raises:
        UserError: a directory holds no run, or a damaged one.

    Example:
        >>> kerasnets.write_report("runs/first").name
        'report.html'
    """
    runtime.prepare()
    from kerasnets.report.page import write_page

    paths = [runs] if isinstance(runs, str | os.PathLike) else list(runs)
    return write_page(paths, to, pictures=pictures)


def watch(
    runs: PathLike | Sequence[PathLike],
    *,
    host: str = "127.0.0.1",
    port: int = 8300,
    announce: Callable[[str], None] = print,
) -> None:
    """Serve the report's page of runs, live while they train, until Ctrl-C.

    Browsers that show it change what has changed, every few seconds. The runs need not have begun; they may
    stop, go on, and be removed meanwhile.

    Args:
        runs: a run directory, or several on one page.
        host: name or address of this machine to listen on. By default only this machine reaches it.
        port: 0 for one that is free.
        announce: called with the page's address once it can be reached.

    Raises:
        UserError: the port is in use, or `host` is no address of this machine.
        KeyboardInterrupt: Ctrl-C.

    Example:
        >>> kerasnets.watch("runs/first")  # doctest: +SKIP
        http://127.0.0.1:8300/
    """
    from kerasnets.watching.watch import watch_runs

    folders = [runs] if isinstance(runs, str | os.PathLike) else list(runs)
    watch_runs([Path(run) for run in folders], host=host, port=port, announce=announce)


def audit(
    what: RecipeLike, to: PathLike | None = None, *, progress: Callable[[int, int], None] | None = None
) -> "Audit":
    """Inspect every image before training does, and report what is wrong or odd.

    Args:
        what: a `Recipe`, a shipped recipe's name, the path of a TOML file, a folder of images or of packed
            shards, or a CSV file. Images that a recipe names are audited in the splits it trains with.
        to: a folder for audit.csv and audit.html; by default nothing is written.
        progress: a function called from time to time with the number of images done and of all images.

    Returns:
        The findings: `counts()` by kind, `table` with each, `check()`, which raises `UserError` where
        training would refuse.

    Raises:
        UserError: there is no such data.

    Example:
        >>> print(kerasnets.audit("lenet5-digits"))
        1,797 images audited...
    """
    runtime.prepare()
    from kerasnets.data_commands import audit_data

    return audit_data(what, to, progress)


def pack(
    what: RecipeLike,
    to: PathLike,
    *,
    shard_bytes: int = 128 * 2**20,
    progress: Callable[[int, int, int], None] | None = None,
) -> "tuple[Manifest, Audit]":
    """Write images as sharded TFRecords with a manifest, after an audit; `source = "tfrecord"` reads them.

    Args:
        what: as of `audit`. The splits packed are those that the source has of its own.
        to: the folder; an interrupted packing there is continued.
        shard_bytes: bytes of images in a shard, at most.
        progress: a function called with the number of images done, of all images, and of bytes done.

    Returns:
        The manifest: the files written, by split; and the audit's findings.

    Raises:
        UserError: there is no such data, the audit refuses it, or the folder holds something else.

    Example:
        >>> manifest, findings = kerasnets.pack("lenet5-digits", "packed")
        >>> sorted(manifest.splits)
        ['train']
    """
    runtime.prepare()
    from kerasnets.data_commands import pack_data

    return pack_data(what, to, shard_bytes=shard_bytes, progress=progress)


def preview(
    recipe: RecipeLike,
    to: PathLike | None = None,
    *,
    rows: int = 6,
    columns: int = 6,
    overrides: Mapping[str, Any] | None = None,
) -> Path:
    """Write a picture: training images as they are, and what the network will see of them.

    Args:
        recipe: a `Recipe`, a shipped recipe's name or the path of a TOML file.
        to: the PNG; by default NAME-preview.png in the current folder.
        rows: how many images, at least 1.
        columns: how many epochs to show each image in, at least 1.
        overrides: recipe keys to change and their values, as of `train`.

    Returns:
        Path of the picture.

    Raises:
        UserError: the recipe or its data cannot be used.

    Example:
        >>> kerasnets.preview("lenet5-digits", "digits.png", rows=2, columns=3).name
        'digits.png'
    """
    recipe = _recipe(recipe, overrides)
    runtime.prepare()
    from kerasnets import data_commands

    return data_commands.preview(recipe, to or f"{recipe.name}-preview.png", rows=rows, columns=columns)


def check(
    recipe: RecipeLike,
    to: PathLike | None = None,
    *,
    data: PathLike | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> "RecipeCheck":
    """Check a recipe's training before it begins, on its own images and its own network.

    Loss, labels, last layer, inputs, first weights, gradients, mixing across the batch, whether one batch can
    be learned by heart; time and memory are estimated. `kerasnets.callbacks.check` is for any Keras model.

    Args:
        recipe: a `Recipe`, a shipped recipe's name or the path of a TOML file.
        to: a folder for a picture of what augmentation makes of the images; by default nothing is written.
        data: path of the images, in place of the recipe's `data.path`.
        overrides: recipe keys to change and their values, as of `train`.

    Returns:
        A `kerasnets.checking.recipe_check.RecipeCheck`: `sound`, `report` with the findings, `cost`. It
        prints as the command does.

    Raises:
        UserError: the recipe or its data cannot be used.

    Example:
        >>> checked = kerasnets.check("lenet5-digits")
        >>> checked.sound
        True
    """
    recipe = with_data(_recipe(recipe, overrides), data)
    runtime.prepare()
    from kerasnets.checking.recipe_check import check_recipe

    return check_recipe(recipe, to)


def complexity(to: PathLike | None = None, names: Sequence[str] | None = None) -> "pd.DataFrame":
    """Compare architectures: published ImageNet accuracy, and what one image costs.

    Args:
        to: a folder for complexity.csv and complexity.png; by default nothing is written.
        names: architectures; by default all with a published accuracy.

    Returns:
        DataFrame, one row an architecture: `name`, `family`, `parameters`, `macs`, `flops`, `top1` (percent),
        `views` (crops of an image it was measured on) and `source`.

    Raises:
        UserError: an architecture without a published accuracy, or `to` is a file.

    Example:
        >>> kerasnets.complexity(names=["resnet18"]).macs.item()
        1814073344
    """
    runtime.prepare()
    from kerasnets.sizing.complexity import complexity_table, write_complexity

    return complexity_table(names) if to is None else write_complexity(to, names)


def summary(
    what: RecipeLike,
    *,
    input_shape: tuple[int, int, int] | None = None,
    classes: int | None = None,
    options: Mapping[str, Any] | None = None,
    batch: int | None = None,
    optimizer: str | None = None,
    precision: str | None = None,
    memory: int | None = None,
) -> "Summary":
    """Size a network layer by layer, and estimate the memory of training it; nothing is allocated.

    Args:
        what: an architecture's or a recipe's name, the path of a TOML file, a `Recipe` or a run directory.
        input_shape: (height, width, channels); by default the paper's, or what the recipe's data will be.
        classes: number of logits; by default the paper's, or the recipe's data's.
        options: further arguments of an architecture's builder, by name.
        batch: images in a training step; by default the recipe's. An architecture without one gets no
            estimate of training.
        optimizer: "sgd", "sgd_momentum", "adagrad", "rmsprop" or "adam"; by default the recipe's, or
            "sgd_momentum".
        precision: "float32", "mixed_bfloat16" or "mixed_float16"; by default the recipe's, or "float32".
        memory: bytes of memory to find the largest batch for.

    Returns:
        Tables `layers` and `training`, and `largest_batch`.

    Raises:
        UserError: nothing has that name, or the network cannot be built with these arguments.

    Example:
        >>> kerasnets.summary("vgg16").layers.parameters.sum().item()
        138357544
    """
    runtime.prepare()
    from kerasnets.network_sizes import summarize

    return summarize(
        what,
        input_shape=input_shape,
        classes=classes,
        options=options,
        batch=batch,
        optimizer=optimizer,
        precision=precision,
        memory=memory,
    )


def bench(
    what: RecipeLike,
    *,
    batch: int | None = None,
    precision: str | None = None,
    backend: str = "tensorflow",
    input_shape: tuple[int, int, int] | None = None,
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
        backend: "tensorflow", "jax" or "torch"; TensorFlow is loaded only for the first.
        input_shape: (height, width, channels); by default what the recipe's data will be, or the paper's.
        classes: number of logits; by default likewise.
        options: further arguments of an architecture's builder, by name.
        steps: training steps in each of five repeats; by default as many as take about a second.

    Returns:
        A `kerasnets.benchmarking.result.BenchResult`; printed, it is a text of ten lines. The operations of
        training count three times those of the forward pass.

    Raises:
        UserError: an unknown name, backend or precision, a backend that is not installed, a batch that does
            not fit into memory.

    Example:
        >>> print(kerasnets.bench("resnet50", batch=16))  # doctest: +SKIP
    """
    if steps is not None and steps < 1:
        raise UserError(f"--steps: found {steps}, allowed: 1 or more")
    case = make_case(
        what if isinstance(what, Recipe) else os.fspath(what),
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


def size(volume: str, layers: Sequence[str]) -> "pd.DataFrame":
    """Size a stack of layers typed by hand, for one image.

    Args:
        volume: the input, "HEIGHTxWIDTHxCHANNELS".
        layers: such as "conv10-3x3-s2-p1-g2", "pool3-s2", "relu", "fc10"; see
            `kerasnets.sizing.stack.stack_sizes`, which also says what the table holds.

    Returns:
        DataFrame, a row for the input and one a layer.

    Raises:
        UserError: a layer that cannot be read, or that does not fit its input.

    Example:
        >>> kerasnets.size("32x32x3", ["conv10-3x3", "relu", "pool2", "fc10"]).weights.sum().item()
        25870
    """
    from kerasnets.sizing.stack import stack_sizes

    return stack_sizes(volume, layers)


def study(
    name: str, to: PathLike | None = None, *, progress: Callable[[int, int, str], None] | None = None
) -> "StudyResult":
    """Run a study: many small trainings that show one claim.

    A study that was stopped goes on where it was: each part's result is kept when the part ends. One whose
    parts are all there is only summed up again.

    Args:
        name: a key of `kerasnets.studies.catalog.STUDIES`.
        to: the folder for results.csv, NAME.csv (the table), NAME.png (the picture) and NAME.md (a page of
            them); by default runs/NAME-study.
        progress: a function called with the number of parts done, of all parts, and the name of the part
            that begins, empty at the end.

    Returns:
        A `kerasnets.studies.run.StudyResult`: `table`, a DataFrame, and `sentence`, which it prints as.

    Raises:
        UserError: there is no such study, or the folder holds another one.

    Example:
        >>> print(kerasnets.study("faults"))  # doctest: +SKIP
    """
    from kerasnets.studies.catalog import check_study

    check_study(name)
    runtime.prepare()
    from kerasnets.studies.run import run_study

    return run_study(name, Path(to or Path("runs", f"{name}-study")), progress or (lambda *_: None))


def load_weights(
    model: "keras.Model", file: PathLike, *, new_head: bool = False
) -> tuple[dict[str, Any], ...]:
    """Give a network the weights that a file holds.

    Reads state dicts of torchvision and timm (.pth, .safetensors, and .npz of the same names), .npz of our
    own names, and .keras, .weights.h5 and .h5 files of this package or of keras.applications.

    Args:
        model: a network of `kerasnets.build`.
        file: path, or "imagenet" for what keras.applications publishes for the same architecture.
        new_head: keep the layer that gives the logits as it is, whatever the file has for it; and the dense
            layers before it, where the file has none.

    Returns:
        The value steps that images were prepared by for these weights, tables as in a recipe's
        [[preprocess]]; none for weights of our own, whose steps only their run knows.

    Raises:
        UserError: the file cannot be read, or does not fit; the model is unchanged then.

    Example:
        >>> network = kerasnets.build("resnet50", version=1.5)  # doctest: +SKIP
        >>> kerasnets.load_weights(network, "resnet50.pth")  # doctest: +SKIP
    """
    runtime.turn_onednn_on()
    from kerasnets.weights import loading

    return loading.load_weights(model, file, new_head=new_head)


def cache(*, clear: bool = False) -> "list[CachePart]":
    """Report what is kept between runs: decoded images, statistics, what audits found.

    Args:
        clear: remove it. Processes that are running continue; later ones compute again what they need.

    Returns:
        For each part its `name`, `path`, `meaning`, number of `files`, `bytes`, and `in_use` for what was
        not cleared because a process needs it. Data sets in the same folder are not touched.

    Example:
        >>> [part.name for part in kerasnets.cache()]
        ['decoded', 'statistics', 'shards', 'audit.sqlite']
    """
    from kerasnets.data.cache_folder import cache_parts, clear_cache

    return clear_cache() if clear else cache_parts()


def _recipe(recipe: RecipeLike, overrides: Mapping[str, Any] | None = None) -> Recipe:
    """Return the recipe that an argument means, with some keys changed."""
    if isinstance(recipe, Recipe):
        return changed(recipe, overrides) if overrides else recipe
    return load_recipe(recipe, overrides or ())
