"""What a study is: parts that are run one by one, and what is made of their results."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

Row = Mapping[str, str | int | float | bool | None]
"""One line of a part's results: values by column; None, like a missing column, leaves the cell empty."""


@dataclass(frozen=True, kw_only=True)
class Study:
    """A study. Its module is imported after TensorFlow was set up, and may import anything.

    Attributes:
        parts: names of its parts, in the order they are run.
        run: runs one part, given its name and the study's folder; returns one or more rows. It is called
            again, from the beginning, for a part that a killed process had begun. Files that the picture
            needs (a run directory, arrays) go into a subfolder of the folder named like the part.
        table: makes the table that readers see from the results of all parts. The results have the column
            `part` and those of the rows, in the order of `parts`, as `pandas.read_csv` reads them.
        draw: draws the picture from the results and the folder.
        sentence: says in one sentence what came out, given the results.
        data: sources that `on` knows, whose names are in the results' column `data`; none where the study has
            data of its own.
        on: returns the same study on one of these sources.
    """

    parts: Sequence[str]
    run: Callable[[str, Path], Sequence[Row]]
    table: Callable[[pd.DataFrame], pd.DataFrame]
    draw: Callable[[pd.DataFrame, Path], Figure]
    sentence: Callable[[pd.DataFrame], str]
    data: Sequence[str] = ()
    on: "Callable[[str], Study] | None" = None
