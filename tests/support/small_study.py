"""A study of four parts that trains nothing; it kills its process in the part that SMALL_STUDY_KILL names."""

import os
import signal

from matplotlib.figure import Figure

from kerasnets.studies.study import Study


def _run(part, folder):
    if os.environ.get("SMALL_STUDY_KILL") == part:
        os.kill(os.getpid(), signal.SIGKILL)
    with (folder / "runs.txt").open("a") as runs:
        runs.write(f"{part}\n")
    rows = [{"side": int(part), "area": int(part) ** 2, "third": int(part) / 3}]
    return rows if part != "3" else [*rows, {"side": 3, "comment": "one, two | three"}]


def _draw(results, folder):
    figure = Figure()
    figure.subplots().plot(results.side, results.area)
    return figure


STUDY = Study(
    parts=("1", "2", "3", "4"),
    run=_run,
    table=lambda results: results.drop(columns="part"),
    draw=_draw,
    sentence=lambda results: f"{len(results)} rows, the largest area is {results.area.max():g}.",
)
