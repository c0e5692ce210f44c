"""comparison.html: what differs between runs that were measured on the same images."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from kerasnets.comparing.compare import Comparison
from kerasnets.comparing.differences import p_text
from kerasnets.errors import printable
from kerasnets.files.whole_files import write_text
from kerasnets.judgement.judge import ClassJudgement, Judgement
from kerasnets.report import drawing
from kerasnets.report.judgement.album import Album
from kerasnets.report.rendering import render
from kerasnets.report.run_records import read_runs
from kerasnets.report.section import Section, Shot, Table, anchor_of
from kerasnets.report.sections.about import about_sections
from kerasnets.report.sections.curves import curve_sections
from kerasnets.report.sections.recipe_differences import recipe_section
from kerasnets.report.sections.verdicts import RunVerdict

MOST_SHOTS = 24
"""Images that are shown of each kind."""

ROOM = 4_000_000
"""Bytes that small pictures may take on the page."""

MOST_OPEN = 30
"""Classes up to which their table stands open."""

NETWORKS_ALONE = (
    "What is tested are these networks, not their recipes: another seed gives another network, and often a "
    "difference as large. A recipe is better where several seeds of it are."
)


def write_comparison(comparison: Comparison, to: str | os.PathLike[str]) -> Comparison:
    """Write the page of a comparison, and return the comparison with the page's path."""
    runs = read_runs(comparison.directories)
    with drawing.style():
        page = render(
            "template.html",
            title=printable(f"{', '.join(comparison.names)}: {comparison.split}"),
            results=_table(comparison.metrics),
            verdicts=[_verdict(comparison, number) for number in range(1, len(comparison.names))],
            sections=[
                _differences(comparison),
                *_recipes(comparison),
                *_disagreements(comparison),
                *_by_class(comparison),
                *curve_sections(runs),
                recipe_section(runs),
                *about_sections(runs),
            ],
        )
    path = Path(to)
    write_text(path, page)
    return replace(comparison, page=path)


def _table(frame: pd.DataFrame) -> Table:
    rows = tuple(tuple(map(str, row)) for row in frame.itertuples(index=False))
    return Table(tuple(map(printable, frame.columns)), rows)


def _verdict(comparison: Comparison, number: int) -> RunVerdict:
    """Return the sentence on a run, green or red where the difference is real."""
    found = comparison.differences[number - 1]
    # of several runs each has its name before its sentence
    told = str(found) if len(comparison.differences) == 1 else str(found).removeprefix(f"{found.run} ")
    better = (found.values[0] > found.values[1]) == (found.measure == "accuracy")
    return RunVerdict(
        label=comparison.names[number],
        verdict=told,
        healthy=better if found.real else None,
        findings=(),
    )


def _differences(comparison: Comparison) -> Section:
    """Return the table of tests."""
    word = comparison.differences[0].measure.replace("_", " ")
    columns = ["", f"{word}: difference, 95 % interval"]
    numeric = comparison.differences[0].alone is None
    if not numeric:
        columns += [
            "log loss: difference, 95 % interval",
            "alone right",
            f"{comparison.names[0]} alone right",
        ]
    columns += ["p"] + (["p, corrected"] if len(comparison.differences) > 1 else [])
    rows = []
    for each in comparison.differences:
        row = [each.run, str(each.change)]
        if each.alone is not None:
            row += [str(each.log_loss), *(f"{count:,}" for count in each.alone)]
        row += [p_text(each.p)] + ([p_text(each.corrected)] if len(comparison.differences) > 1 else [])
        rows.append(tuple(row))
    test = (
        "p: a permutation test, the signs of the images' differences drawn anew"
        if numeric
        else "p: McNemar's exact test of the images that one of the two alone has right"
    )
    corrected = (
        "; corrected by Holm's method for the number of runs" if len(comparison.differences) > 1 else ""
    )
    return Section(
        anchor="difference",
        title="Difference",
        caption=f"From {comparison.names[0]} to each other run, on the same "
        f"{comparison.differences[0].images:,} images. Intervals: bootstrap over images; {test}{corrected}. "
        "Up to 0.05 a difference is called real.",
        notes=(NETWORKS_ALONE,),
        tables=(Table(tuple(columns), tuple(rows)),),
    )


def _recipes(comparison: Comparison) -> Iterator[Section]:
    """Yield the table of the keys that differ between the recipes, if any does."""
    if len(comparison.recipes):
        yield Section(
            anchor="recipe-differences",
            title="Recipes differ in",
            tables=(_table(comparison.recipes),),
        )


def _disagreements(comparison: Comparison) -> Iterator[Section]:
    """Yield for each run but the first what it alone has right, and what the first alone has right."""
    first = comparison.names[0]
    room = ROOM // max(1, len(comparison.names) - 1)
    for number, name in enumerate(comparison.names[1:], 1):
        album = Album(comparison.judgements[number].split, room)
        won, lost = comparison.disagreements(number)
        numeric = comparison.judgements[0].numeric
        for anchor, better, worse, pairs in (("won", name, first, won), ("lost", first, name, lost)):
            what = "is closer than" if numeric else "is right, not"
            yield Section(
                anchor=f"{anchor}-{anchor_of(name)}",
                title=f"{better} {what} {worse}",
                caption=f"{len(pairs):,} images"
                + (f"; the {MOST_SHOTS} clearest." if len(pairs) > MOST_SHOTS else "."),
                gallery=tuple(_shot(comparison, number, pair, album=album) for pair in pairs[:MOST_SHOTS]),
            )


def _shot(comparison: Comparison, number: int, pair: Sequence[int], *, album: Album) -> Shot:
    """Return an image with its truth, and what both runs say."""
    first, other = comparison.judgements[0], comparison.judgements[number]
    lines = (
        f"{name}: {_said(judgement, int(place))}"
        for name, judgement, place in zip(
            (comparison.names[0], comparison.names[number]), (first, other), pair, strict=True
        )
    )
    return album.shot(int(pair[1]), _truth(other, int(pair[1])), *lines)


def _truth(judgement: Judgement, place: int) -> str:
    label = judgement.split.labels[place]
    return printable(judgement.classes[label]) if not judgement.numeric else _numbers(label)


def _said(judgement: Judgement, place: int) -> str:
    """Return the most probable class and its probability, or the numbers."""
    if isinstance(judgement, ClassJudgement):
        best = judgement.outcomes.ranked[place, 0]
        return f"{printable(judgement.classes[best])} {judgement.outcomes.best[place, 0]:.3f}"
    return _numbers(judgement.predictions[place])


def _numbers(values: np.ndarray) -> str:
    return ", ".join(f"{value:.4g}" for value in values)


def _by_class(comparison: Comparison) -> Iterator[Section]:
    """Yield the table of each class's accuracy, those that differ most between runs first."""
    tables = [each.by_class for each in comparison.judgements if isinstance(each, ClassJudgement)]
    if not tables:
        return
    recalls = pd.DataFrame({place: table.set_index("class").recall for place, table in enumerate(tables)})
    images = tables[0].set_index("class").images
    there = recalls[images.reindex(recalls.index) > 0]
    spread = there.max(axis=1) - there.min(axis=1)
    order = spread.sort_values(ascending=False, kind="stable").index
    rows = tuple(
        (printable(name), f"{images[name]:,}", *(f"{recall:.4f}" for recall in there.loc[name]))
        for name in order
    )
    yield Section(
        anchor="classes",
        title="Accuracy by class",
        caption="The classes that differ most come first. Few images make large differences by chance.",
        tables=(
            Table(
                ("class", "images", *comparison.names),
                rows,
                title="" if len(rows) <= MOST_OPEN else f"All {len(rows):,} classes",
            ),
        ),
    )
