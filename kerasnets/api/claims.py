"""Studies of claims about training."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kerasnets import runtime
from kerasnets.api.arguments import PathLike

if TYPE_CHECKING:
    from kerasnets.studies.run import StudyResult


def study(
    name: str,
    to: PathLike | None = None,
    *,
    data: str | None = None,
    parts: Sequence[str] = (),
    progress: Callable[[int, int, str], None] | None = None,
) -> "StudyResult":
    """Run a study: many small trainings that show one claim.

    A study that was stopped goes on where it was: each part's result is kept when the part ends. One whose
    parts are all there is only summed up again.

    Args:
        name: a key of `kerasnets.studies.catalog.STUDIES`.
        to: the folder for results.csv, NAME.csv (the table), NAME.png (the picture) and NAME.md (a page of
            them); by default runs/NAME-study, with `data` runs/NAME-DATA-study.
        data: the source that "filters" trains on: "digits", "mnist", "fashion_mnist" or "cifar10"; by default
            CIFAR-10 where it is on this machine, else digits.
        parts: patterns, for instance "lenet5*": only parts whose names one of them fits are run. What is
            summed up are all parts that are there. By default all are run.
        progress: a function called with the number of parts done, of all parts, and the name of the part
            that begins, empty at the end.

    Returns:
        A `kerasnets.studies.run.StudyResult`: `table`, a DataFrame, and `sentence`, which it prints as.

    Raises:
        UserError: there is no such study, the folder holds another one, `data` is not for this study, or no
            pattern of `parts` fits one.

    Example:
        >>> print(kerasnets.study("faults"))  # doctest: +SKIP
    """
    from kerasnets.studies.catalog import check_study

    check_study(name)
    runtime.prepare()
    from kerasnets.studies.run import run_study

    folder = Path(to or Path("runs", f"{name}-{data}-study" if data else f"{name}-study"))
    return run_study(name, folder, progress or (lambda *_: None), data=data, parts=parts)
