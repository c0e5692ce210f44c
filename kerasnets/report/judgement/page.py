"""What `evaluate` keeps: the tables of a judgement and its page, which needs no other file and no network."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from kerasnets.errors import printable
from kerasnets.files.whole_files import write_text
from kerasnets.judgement.files import write_tables
from kerasnets.judgement.intervals import METHOD
from kerasnets.judgement.judge import ClassJudgement, Judgement, ValueJudgement
from kerasnets.report import drawing
from kerasnets.report.judgement.album import Album
from kerasnets.report.judgement.confusions import MOST_NAMED, confusion_section
from kerasnets.report.judgement.figures import (
    conditions_section,
    curves_section,
    reliability_section,
    residuals_section,
)
from kerasnets.report.judgement.lists import (
    copies_section,
    largest_errors_section,
    mistakes_section,
    suspects_section,
    uncertain_section,
)
from kerasnets.report.rendering import render
from kerasnets.report.section import Section, Table

ROOM = 6 * 2**20
"""Bytes of the page for pictures. The lists take theirs first; cells open as long as some are left."""


def write_judgement(folder: Path, judgement: Judgement, *, title: str, about: Mapping[str, Any]) -> Path:
    """Write the tables of a judgement and its page.

    Args:
        folder: where they go, created if need be.
        judgement: what was found.
        title: of the page, for instance the run and the split.
        about: what was measured, as JSON can hold it: `split` and others; it goes into metrics.json and on
            the page.

    Returns:
        The page's path.
    """
    write_tables(folder, judgement, about)
    with drawing.style():
        sections = judgement_sections(judgement, split=about["split"])
        page = render(
            "base.html",
            title=printable(title),
            results=_results(judgement),
            sections=[*sections, _about_section(judgement, about)],
        )
    write_text(folder / "page.html", page)
    return folder / "page.html"


def judgement_sections(judgement: Judgement, *, split: str) -> list[Section]:
    """Return the sections of a judgement; inside `drawing.style`.

    Args:
        judgement: what was found.
        split: its name; that of "train" the network has seen.
    """
    album = Album(judgement.split, ROOM)
    if isinstance(judgement, ValueJudgement):
        errors = largest_errors_section(judgement, album)
        table = _table(judgement.by_target)
        targets = Section(anchor="targets", title="Targets", tables=(table,))
        return [residuals_section(judgement), errors, copies_section(judgement, album), targets]
    assert isinstance(judgement, ClassJudgement)
    lists = [
        mistakes_section(judgement, album),
        uncertain_section(judgement, album),
        suspects_section(judgement, album, trained_on=split == "train"),
        copies_section(judgement, album),
    ]
    conditions = conditions_section(judgement)
    return [
        confusion_section(judgement, album),
        *lists,
        curves_section(judgement),
        reliability_section(judgement),
        *([conditions] if conditions else []),
        _classes_section(judgement),
    ]


def _classes_section(judgement: ClassJudgement) -> Section:
    many = len(judgement.classes) > MOST_NAMED
    table = _table(judgement.by_class, f"All {len(judgement.classes):,} classes" if many else "")
    caption = "AUC: how often an image of the class gets more of it than one of another class."
    return Section(anchor="classes", title="Classes", caption=caption, tables=(table,))


def _table(frame: pd.DataFrame, title: str = "") -> Table:
    """Return a DataFrame as a table of the page."""
    rows = (tuple(map(_text, row)) for row in frame.itertuples(index=False))
    return Table(tuple(str(name).replace("_", " ") for name in frame), tuple(rows), title=title)


def _text(value: object) -> str:
    if isinstance(value, float):
        return "" if value != value else f"{value:.4f}"
    return f"{value:,}" if isinstance(value, int) else printable(str(value))


def _results(judgement: Judgement) -> Table:
    """Return the measures with their intervals."""
    rows = judgement.metrics_table.itertuples(index=False)
    texts = ((name, f"{value:.4f}", f"{low:.4f}\u00a0to\u00a0{high:.4f}") for name, value, low, high in rows)
    return Table(("measure", "value", "95 % interval"), tuple(texts))


def _about_section(judgement: Judgement, about: Mapping[str, Any]) -> Section:
    told = {name.replace("_", " "): value for name, value in about.items() if value}
    lines = [f"{name}: {', '.join(map(str, _listed(value)))}" for name, value in told.items()]
    notes = (f"{len(judgement.split):,} images.", f"Intervals: {METHOD}.", *map(printable, lines))
    return Section(anchor="about", title="How this was measured", notes=notes)


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]
