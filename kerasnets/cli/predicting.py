"""The command `predict`: which arguments are runs, where predictions go, what a terminal sees meanwhile."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import kerasnets
from kerasnets import terminal
from kerasnets.cli.exits import interruptible, stop
from kerasnets.cli.options import NoCalibration, short_sides_option, views_option
from kerasnets.errors import UserError, printable

if TYPE_CHECKING:
    from kerasnets.predicting.prediction import Prediction
    from kerasnets.predicting.prediction_files import Write

STANDARD_INPUT = "-"

SHOWN_EVERY = 32
"""Images after which progress is shown anew."""


def predict(
    arguments: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN|IMAGE",
            help="Run directory; several make an ensemble. Then image files, folders of them, patterns such "
            "as 'photos/**/*.jpg', or - for paths on standard input, one a line or ended by zero bytes.",
            show_default=False,
        ),
    ],
    top: Annotated[
        int, typer.Option(metavar="N", min=1, help="Number of classes to name for each image.")
    ] = 3,
    to: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Path of a .csv or .jsonl file for the predictions. It appears whole.",
            show_default="standard output",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON lines, one an image, the refused ones too.")
    ] = False,
    explain: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder for heat maps: for each image a PNG of what speaks for its most probable class.",
            show_default=False,
        ),
    ] = None,
    explain_method: Annotated[
        str, typer.Option(metavar="NAME", help="Kind of heat maps: grad_cam or layer_cam.")
    ] = "grad_cam",
    views: Annotated[str | None, views_option("center")] = None,
    short_sides: Annotated[list[int] | None, short_sides_option("the paper's")] = None,
    no_calibration: NoCalibration = False,
) -> None:
    """Classify images with a finished run or an ensemble, or predict their numbers.

    A pipe gets CSV. Images that cannot be read are named on standard error, and the others are predicted. The
    exit code is 0 if all were predicted, 3 if some were refused, and 2 if none was predicted.
    """
    runs, images = _runs_and_images(arguments)
    kept = "rows that were printed are whole" if to is None else f"{to} was not written"
    with interruptible(kept), _writer(to, as_json=as_json) as write:
        predictions = kerasnets.predict_each(
            runs,
            _with_standard_input(images),
            top=top,
            views=views,
            short_sides=short_sides,
            explain=explain,
            explain_method=explain_method,
            calibrated=not no_calibration,
        )
        done, refused = _write_all(predictions, write, total=_total(images))
    if refused:
        stop(f"{refused:,} of {done:,} images were refused; the others are predicted", 3)


def _runs_and_images(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Part the arguments: the first is a run, and so is what follows it as far as a run lies there."""
    from kerasnets.runs.directory import RunDirectory

    count = next(
        (place for place, path in enumerate(arguments) if place and not RunDirectory(path).exists),
        len(arguments),
    )
    if count == len(arguments):
        raise UserError("predict: found no image, allowed: runs, then images")
    return list(arguments[:count]), list(arguments[count:])


def _with_standard_input(images: Sequence[str]) -> Iterator[str]:
    """Return an iterator of paths, those from standard input in place of "-"."""
    from kerasnets.predicting.named_images import listed_paths

    def paths(image: str) -> Iterable[str]:
        return listed_paths(sys.stdin.buffer) if image == STANDARD_INPUT else [image]

    return chain.from_iterable(map(paths, images))


def _total(images: Sequence[str]) -> int | None:
    """Return how many images there are, if a person sees the progress and they are known beforehand."""
    if STANDARD_INPUT in images or not terminal.is_terminal(sys.stderr):
        return None
    from kerasnets.predicting.named_images import named_images

    return sum(1 for _ in named_images(images))


def _write_all(predictions: "Iterable[Prediction]", write: "Write", *, total: int | None) -> tuple[int, int]:
    """Write predictions as they come, and show progress; return how many there are, and refused images."""
    done = refused = 0
    for prediction in predictions:
        terminal.clear()
        write(prediction)
        done += 1
        refused += prediction.refused is not None
        if done % SHOWN_EVERY == 0:
            known, share = ("", None) if total is None else (f" of {total:,}", min(1.0, done / total))
            terminal.show(f"predicted {done:,}{known}", share, stream=sys.stderr)
    terminal.clear()
    return done, refused


@contextmanager
def _writer(to: Path | None, *, as_json: bool) -> "Iterator[Write]":
    """Give what writes predictions: to a file; to a terminal, for people; to a pipe, as they come."""
    from kerasnets.predicting.prediction_files import (
        check_predictions_file,
        csv_writer,
        json_writer,
        predictions_file,
    )

    if to is not None:
        if as_json:
            raise UserError("--json: found --to too, allowed: one of them; --to FILE.jsonl writes JSON lines")
        check_predictions_file(to)
        with predictions_file(to) as write:
            yield write
    elif terminal.is_terminal(sys.stdout) and not as_json:
        yield _say
    else:
        # names of files need not be UTF-8
        with open(
            sys.stdout.fileno(), "w", encoding="utf-8", errors="surrogateescape", newline="", closefd=False
        ) as stream:
            write_one = (json_writer if as_json else csv_writer)(stream)

            def write(prediction: "Prediction") -> None:
                write_one(prediction)
                stream.flush()

            yield write


def _say(prediction: "Prediction") -> None:
    """Print what is predicted of an image as a line; a refused one was named already."""
    if prediction.refused is not None:
        return
    answers = [
        f"{row['target']} {row['value']:.4f}"
        if "target" in row
        else f"{row['label']} {row['probability']:.4f}"
        for row in prediction.rows
    ]
    name = terminal.styled(printable(str(prediction.image)), terminal.TITLE)
    print("  ".join([name, *map(printable, answers)]), flush=True)
