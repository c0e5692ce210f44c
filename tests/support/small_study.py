"""A study of four parts that trains nothing, and can be killed in one of them."""

import os
import signal

from matplotlib.figure import Figure

import kerasnets
from kerasnets.studies.catalog import STUDIES, Listed
from kerasnets.studies.study import Study

KILLED_IN = ""
"""The part that ends its process as `kill -9` does."""


def study_killed(folder, part):
    """Run the study in this process, which is killed in a part."""
    global KILLED_IN
    KILLED_IN = part
    STUDIES["small"] = Listed("Squares grow.", "small_study")
    kerasnets.study("small", folder)


def _run(part, folder):
    if part == KILLED_IN:
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
