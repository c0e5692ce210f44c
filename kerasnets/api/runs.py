"""What finished runs, and those that go on, are asked."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from kerasnets import runtime
from kerasnets.api.arguments import PathLike

if TYPE_CHECKING:
    import pandas as pd

    from kerasnets.calibration.calibrate import CalibrationResult
    from kerasnets.comparing.compare import Comparison
    from kerasnets.inference.evaluate import Evaluation
    from kerasnets.predicting.named_images import Images
    from kerasnets.predicting.prediction import Prediction


def evaluate(
    runs: PathLike | Sequence[PathLike],
    split: str = "test",
    *,
    views: str | None = None,
    short_sides: Sequence[int] | None = None,
    data: PathLike | None = None,
    allow_changed_data: bool = False,
    to: PathLike | None = None,
    calibrated: bool = True,
) -> "Evaluation":
    """Measure a finished run, or an ensemble of several, on one of its splits.

    An ensemble predicts the mean of its members' class probabilities (Krizhevsky 2012, section 6: seven
    networks), or of their values. What was found is kept in a folder: `images.csv`, a row an image with its
    five most probable classes; `classes.csv`, `confusion.csv` and `suspects.csv`, the images whose label is
    probably wrong; `metrics.json`, every measure with a 95 % interval; and `page.html`, which shows the
    mistakes.

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
        to: folder for what was found, created if need be; by default `evaluation/SPLIT` in the run. Of an
            ensemble nothing is kept without it.
        calibrated: whether probabilities are as `calibrate` has set, where it has; `loss` never is.

    Returns:
        A `kerasnets.inference.evaluate.Evaluation`: `accuracy`, `loss` and the other measures, `classes`, a
        DataFrame by class, or `targets` by numeric target; `judgement`, all tables and the measures with
        their intervals; of an ensemble also `members`. It prints as the command does.

    Raises:
        UserError: a directory holds no finished run, a run has no such split, its images are missing or have
            changed, or the runs differ in classes or images.

    Example:
        >>> measured = kerasnets.evaluate("runs/first")
        >>> measured.images
        350
        >>> measured.accuracy > 0.1
        True
        >>> measured.page.name
        'page.html'
    """
    runtime.prepare()
    from kerasnets.inference.evaluate import evaluate_runs
    from kerasnets.inference.run_splits import DataOptions
    from kerasnets.report.judgement.page import write_judgement

    paths = [runs] if isinstance(runs, str | os.PathLike) else list(runs)
    folder = _folder_of_evaluation(paths, split, to)
    options = DataOptions(data, allow_changed_data)
    measured = evaluate_runs(
        paths, split, views=views, short_sides=short_sides, data=options, calibrated=calibrated
    )
    if folder is None or measured.judgement is None:
        return measured
    title = f"{', '.join(os.fspath(path) for path in paths)}: {split}"
    page = write_judgement(folder, measured.judgement, title=title, about=measured.about())
    return replace(measured, page=page)


def _folder_of_evaluation(paths: Sequence[PathLike], split: str, to: PathLike | None) -> Path | None:
    """Return where an evaluation is kept, which may be written to; None of an ensemble without `to`."""
    from kerasnets.files.whole_files import check_writable
    from kerasnets.runs.directory import RunDirectory

    if to is None and (len(paths) != 1 or not RunDirectory(paths[0]).finished):
        return None  # what is no finished run is refused when it is opened
    folder = RunDirectory(paths[0]).evaluation(split) if to is None else Path(to)
    check_writable(folder, "the evaluation")
    return folder


def calibrate(
    run: PathLike,
    *,
    precision: float = 0.95,
    split: str = "validation",
    data: PathLike | None = None,
    allow_changed_data: bool = False,
) -> "CalibrationResult":
    """Calibrate the probabilities of a finished run, and choose when it answers "unknown".

    The logits are divided by the temperature whose probabilities have the least log loss (Guo 2017, "On
    Calibration of Modern Neural Networks", section 4.2); no image's most probable class changes. The
    threshold is the lowest at which at least `precision` of the answers are right. Both are kept with the
    run, where `predict`, `evaluate` and `export` find them. Calibrating again replaces them.

    Args:
        run: a run directory, of classes. In an ensemble each member has its own temperature, and the whole
            has no threshold.
        precision: share of the answers that are to be right, from 0 to below 1; 0 for no threshold.
        split: "validation" or "test". Images that a run is calibrated on measure it no longer.
        data: path of the images, if they have moved since the run was made.
        allow_changed_data: calibrate although images were added, removed, replaced or relabelled since.

    Returns:
        A `kerasnets.calibration.calibrate.CalibrationResult`: `calibration`, and calibration error and log
        loss before and after. It prints as the command does.

    Raises:
        UserError: the directory holds no finished run of classes, the run has no such split, there are too
            few images for this precision (3 / (1 - precision) at least), no threshold reaches it, or no
            temperature is the best, as where every image is right.

    Example:
        >>> kerasnets.calibrate("runs/first", precision=0.9)  # doctest: +SKIP
    """
    runtime.prepare()
    from kerasnets.calibration.calibrate import calibrate_run
    from kerasnets.inference.run_splits import DataOptions

    options = DataOptions(data, allow_changed_data)
    return calibrate_run(run, precision=precision, split=split, data=options)


def predict(
    runs: PathLike | Sequence[PathLike],
    images: "Images",
    *,
    top: int = 3,
    views: str | None = None,
    short_sides: Sequence[int] | None = None,
    explain: PathLike | None = None,
    explain_method: str = "grad_cam",
    calibrated: bool = True,
) -> "pd.DataFrame":
    """Predict the classes of images, or numbers, with a finished run or an ensemble of several.

    Args:
        runs: a run directory, or several, whose predictions are averaged.
        images: path of an image file; of a folder: all images in it and below; a pattern such as
            "photos/**/*.jpg"; an array, uint8 (height, width, C) or (N, height, width, C), 0 to 255; or any
            number of these. Files are read as the run's training images were, see
            `kerasnets.data.images.image_file`.
        top: how many classes to name for each image, at least 1.
        views: "center", "ten_crop", "crops_144" or "dense", see `kerasnets.inference.views`; by default what
            the network was trained on, the recipe's preprocessing.
        short_sides: lengths in pixels that each image's short side is resized to for the views; by default
            the paper's.
        explain: folder for heat maps, created if need be: a PNG an image, with what speaks for its most
            probable class, or for a higher value of its first target, laid over it. What the network does
            not see is darker. With views, that is what the recipe's preprocessing leaves of the image.
        explain_method: "grad_cam" or "layer_cam", see `kerasnets.explaining.heat_maps`.
        calibrated: whether probabilities and answers are as `calibrate` has set, where it has. Of a single
            calibrated run the label of rank 1 is "unknown" where its probability is below the threshold.

    Returns:
        DataFrame with `image`, `rank` (from 1), `label` and `probability`; of numeric targets with `image`,
        `target` and `value`; with `explain` also `heat_map`, the path of the picture. `image` is the path as
        found, of an array its number from 0. `attrs["refused"]` maps each image that could not be read, or
        that the run's [data.audit] refuses, to the reason; each is logged as a warning too.

    Raises:
        UserError: a directory holds no finished run, no image could be read, or the folder for heat maps
            cannot be used.

    Example:
        >>> table = kerasnets.predict("runs/first", "seven.png", top=1)
        >>> list(table)
        ['image', 'rank', 'label', 'probability']
    """
    predictions = predict_each(
        runs,
        images,
        top=top,
        views=views,
        short_sides=short_sides,
        explain=explain,
        explain_method=explain_method,
        calibrated=calibrated,
    )
    from kerasnets.predicting.predict import predictions_table

    return predictions_table(predictions)


def predict_each(
    runs: PathLike | Sequence[PathLike],
    images: "Images",
    *,
    top: int = 3,
    views: str | None = None,
    short_sides: Sequence[int] | None = None,
    explain: PathLike | None = None,
    explain_method: str = "grad_cam",
    calibrated: bool = True,
) -> "Iterator[Prediction]":
    """Predict images one after the other, as `predict` does, in memory that does not grow with their number.

    Args:
        runs: as of `predict`, and so are the others.
        images: may be an iterator of paths, which is read as predictions are asked for.
        top: how many classes to name.
        views: what the network sees of each image.
        short_sides: lengths in pixels.
        explain: folder for heat maps.
        explain_method: "grad_cam" or "layer_cam".
        calibrated: whether probabilities and answers are as `calibrate` has set.

    Returns:
        Iterator of `kerasnets.predicting.prediction.Prediction`, one for each image, in order: `image`,
        `rows`, `heat_map` and, where the image could not be read, `refused`.

    Raises:
        UserError: as of `predict`; where all images were refused, after the last one.

    Example:
        >>> for prediction in kerasnets.predict_each("runs/first", "seven.png"):
        ...     print(prediction.image, len(prediction.rows))
        seven.png 3
    """
    runtime.prepare()
    from kerasnets.predicting.ensemble_predictor import PredictOptions
    from kerasnets.predicting.predict import predict_images

    options = PredictOptions(
        top=top,
        views=views,
        short_sides=short_sides,
        explain=explain,
        explain_method=explain_method,
        calibrated=calibrated,
    )
    return predict_images(runs, images, options)


def compare(
    runs: Sequence[PathLike],
    split: str = "test",
    *,
    to: PathLike | None = None,
    data: PathLike | None = None,
    views: str | None = None,
    short_sides: Sequence[int] | None = None,
) -> "Comparison":
    """Compare finished runs on the same images, and write a page of what differs.

    Each run is measured, unless `evaluate` has kept what it measures, and compared with the first one:
    McNemar's exact test of the images that one of the two alone has right, of numeric targets a permutation
    test; with Holm's correction where there are several runs. What is tested are these networks, not their
    recipes: another seed gives another network.

    Args:
        runs: run directories, two or more, that hold out the same images.
        split: "train", "validation" or "test".
        to: file of the page; by default `comparison.html` in the current folder.
        data: path of the images, if they have moved since the runs were made.
        views: what the networks see of each image, as of `evaluate`; by default what each recipe says.
        short_sides: lengths in pixels that each image's short side is resized to for the views.

    Returns:
        A `kerasnets.comparing.compare.Comparison`: `metrics` and `recipes`, DataFrames with a column a run,
        and `differences`. It prints as the command does.

    Raises:
        UserError: a directory holds no finished run, a run has no such split or other images in it than the
            first, or its images are missing or have changed.

    Example:
        >>> compared = kerasnets.compare(["runs/first", "runs/second"])  # doctest: +SKIP
        >>> compared.differences[0].real  # doctest: +SKIP
        False
    """
    runtime.prepare()
    from kerasnets.comparing.compare import compare_runs
    from kerasnets.report.comparison import write_comparison

    return write_comparison(
        compare_runs(runs, split, data=data, views=views, short_sides=short_sides), to or "comparison.html"
    )


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


def write_search_report(
    search: PathLike, to: PathLike | None = None, *, pictures: PathLike | None = None
) -> Path:
    """Write one self-contained page of a search that `tune` has made, or is making.

    Verdict, score by value, range test, importance of keys, contours of each two, learning curves, time and
    cost.

    Args:
        search: its folder, at any time.
        to: file of the page; by default `page.html` in that folder.
        pictures: folder that gets every picture of the page as a PNG and an SVG file too, created if need be.

    Returns:
        Path of the page.

    Raises:
        UserError: the folder holds no search, or a damaged one.

    Example:
        >>> kerasnets.write_search_report("runs/lenet5-digits-tune").name  # doctest: +SKIP
        'page.html'
    """
    from kerasnets.report.tuning.page import write_search_page

    return write_search_page(search, to, pictures=pictures)


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
