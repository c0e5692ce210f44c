"""Which classes are taken for which: a matrix whose cells open their pictures, or the most confused pairs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from kerasnets.errors import printable
from kerasnets.judgement.judge import ClassJudgement
from kerasnets.report.drawing import short
from kerasnets.report.judgement.album import Album
from kerasnets.report.section import Cell, Group, Matrix, Section, Shot, Table

MOST_NAMED = 30
"""Classes up to which there is a matrix."""

MOST_PAIRS = 100
"""Pairs of classes that are listed."""

MOST_SHOTS = 12
"""Pictures that a cell opens."""


@dataclass(frozen=True, eq=False)
class _Pair:
    """Images of one class taken for one class, those of the highest loss first."""

    truth: int
    predicted: int
    indices: np.ndarray

    @property
    def anchor(self) -> str:
        return f"cell-{self.truth}-{self.predicted}"


def confusion_section(judgement: ClassJudgement, album: Album) -> Section:
    """Return the section of confusions; as many cells as the album has room for can be opened."""
    classes = [printable(name) for name in judgement.classes]
    pairs = sorted(_pairs(judgement), key=lambda pair: (pair.truth == pair.predicted, -len(pair.indices)))
    confused = [pair for pair in pairs if pair.truth != pair.predicted]
    named = len(classes) <= MOST_NAMED
    groups = {
        pair.anchor: group
        for pair in (pairs if named else confused[:MOST_PAIRS])
        if (group := _group(pair, judgement, album, classes=classes))
    }
    table = _pairs_table(confused[:MOST_PAIRS], judgement, groups, classes=classes)
    caption = (
        "A row is a true class, a column what it was taken for. Cells open their pictures."
        if named
        else f"Of {len(confused):,} pairs of classes the most often confused ones. Names open their pictures."
    )
    return Section(
        anchor="confusions",
        title="Confusions",
        caption=caption,
        matrix=_matrix(pairs, groups, classes) if named else None,
        tables=(table,) if table.rows else (),
        groups=tuple(groups.values()),
    )


def _pairs(judgement: ClassJudgement) -> Iterable[_Pair]:
    """Yield the pairs of classes that occur."""
    outcomes, count = judgement.outcomes, len(judgement.classes)
    keys = outcomes.labels * count + outcomes.ranked[:, 0]
    order = np.lexsort((-outcomes.losses, keys))
    for indices in np.split(order, np.flatnonzero(np.diff(keys[order])) + 1):
        yield _Pair(*divmod(int(keys[indices[0]]), count), indices)


def _group(pair: _Pair, judgement: ClassJudgement, album: Album, *, classes: Sequence[str]) -> Group | None:
    """Return the pictures of a pair; None once the album is full."""
    if album.room <= 0:
        return None
    truth, predicted = classes[pair.truth], classes[pair.predicted]
    what = f"{truth}, recognized" if pair.truth == pair.predicted else f"{truth}, taken for {predicted}"
    shown = pair.indices[:MOST_SHOTS].tolist()
    first = f"; the {len(shown)} of the highest loss" if len(shown) < len(pair.indices) else ""
    shots = tuple(outcome_shot(judgement, album, index) for index in shown)
    return Group(pair.anchor, f"{what}: {len(pair.indices):,} images{first}", shots)


def outcome_shot(judgement: ClassJudgement, album: Album, index: int, *more: str) -> Shot:
    """Return the picture of an image with its class, what it was taken for, and how sure."""
    outcomes = judgement.outcomes
    label, predicted, best = outcomes.labels[index], outcomes.ranked[index, 0], outcomes.best[index, 0]
    truth, taken = (printable(judgement.classes[number]) for number in (label, predicted))
    right = judgement.predictions[index, label]
    if label == predicted:
        return album.shot(index, f"{truth}: {best:.3f}, right", *more)
    return album.shot(index, f"{truth}: {right:.3f}", f"taken for {taken}: {best:.3f}", *more)


def _matrix(pairs: Sequence[_Pair], groups: dict[str, Group], classes: Sequence[str]) -> Matrix:
    totals = np.zeros(len(classes), int)
    for pair in pairs:
        totals[pair.truth] += len(pair.indices)
    cells = [[Cell() for _ in classes] for _ in classes]
    for pair in pairs:
        share = len(pair.indices) / totals[pair.truth]
        title = f"{classes[pair.truth]} taken for {classes[pair.predicted]}: {share:.1%}"
        link = pair.anchor if pair.anchor in groups else ""
        cells[pair.truth][pair.predicted] = Cell(f"{len(pair.indices):,}", share, title, link)
    names = tuple(short(name, 24) for name in classes)
    rows = zip(names, map(tuple, cells), strict=True)
    return Matrix("true \\ taken for", names, tuple(rows))


def _pairs_table(
    pairs: Sequence[_Pair], judgement: ClassJudgement, groups: dict[str, Group], *, classes: Sequence[str]
) -> Table:
    support = np.bincount(judgement.outcomes.labels, minlength=len(classes))
    rows = [
        (
            classes[pair.truth],
            classes[pair.predicted],
            f"{len(pair.indices):,}",
            f"{len(pair.indices) / support[pair.truth]:.1%}",
        )
        for pair in pairs
    ]
    links = tuple(pair.anchor if pair.anchor in groups else "" for pair in pairs)
    return Table(
        ("true", "taken for", "images", "share"),
        tuple(rows),
        title="Most often confused" if len(classes) <= MOST_NAMED else "",
        links=links,
    )
