"""What finished runs, and those that go on, are asked."""

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from kerasnets import runtime
from kerasnets.api.arguments import PathLike

if TYPE_CHECKING:
    import pandas as pd

    from kerasnets.inference.evaluate import Evaluation


def evaluate(
    runs: PathLike | Sequence[PathLike],
    split: str = "test",
    *,
    views: str | None = None,
    short_sides: Sequence[int] | None = None,
    data: PathLike | None = None,
    allow_changed_data: bool = False,
    to: PathLike | None = None,
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
    measured = evaluate_runs(paths, split, views=views, short_sides=short_sides, data=options)
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
