"""Pictures of filters and feature maps, and which classes are taken for which."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from kerasnets.report.drawing import WIDTH, new_figure, place, short
from kerasnets.report.run_records import RunRecords
from kerasnets.report.section import Picture, Section, Table, anchor_of

MOST_BYTES = 600_000
"""Of all pictures of filters and feature maps of a run together; what does not fit is named."""

MOST_NAMED = 30
"""Classes up to which each is named in a confusion matrix."""

MOST_CONFUSED = 20
"""Pairs of classes that are listed."""


def image_sections(runs: Sequence[RunRecords]) -> list[Section]:
    """Return the sections of filters, of feature maps and of confusions, as far as there are any."""
    sections = [
        _drawn("filters", "Filters", runs, maps=False),
        _drawn("feature-maps", "Feature maps", runs, maps=True),
        _confusions([run for run in runs if len(run.confusion)], several=len(runs) > 1),
    ]
    return [section for section in sections if section.pictures]


def _drawn(anchor: str, title: str, runs: Sequence[RunRecords], *, maps: bool) -> Section:
    """Return what was drawn while training: feature maps, or filters."""
    pictures: list[Picture] = []
    left_out = 0
    for run in runs:
        room = MOST_BYTES
        where = f" of {run.label}" if len(runs) > 1 else ""
        for each in run.pictures:
            if each.name.endswith("-maps") != maps:
                continue
            if len(each.png) > room:
                left_out += 1
                continue
            room -= len(each.png)
            end = "final" if each.epoch is None else str(each.epoch)
            name = f"{anchor}-{anchor_of(run.label)}-{anchor_of(each.name)}-{end}"
            when = f"after epoch {each.epoch}" if each.epoch else "before training"
            when = "as training left it" if each.epoch is None else when
            pictures.append(Picture(name, f"{each.name.removesuffix('-maps')}{where}, {when}", each.png))
    caption = "Each filter is stretched to its own range: edges, blobs and colours are learned, noise is not."
    if maps:
        caption = (
            "A row an image: the image, then what the layer makes of it, each stretched to its own range."
        )
    if left_out:
        caption += f" {left_out:,} more in the run's folder pictures: they would make the page too large."
    return Section(anchor=anchor, title=title, caption=caption, pictures=tuple(pictures))


def _confusions(runs: Sequence[RunRecords], *, several: bool) -> Section:
    pictures, tables = [], []
    for run in runs:
        epoch = int(run.confusion.epoch.max())
        counts = confusion_matrix(run, epoch)
        where = f" of {run.label}" if several else ""
        share = np.trace(counts) / max(counts.sum(), 1)
        title = f"Classes taken for each other{where}, epoch {epoch}: {share:.1%} right"
        name = "confusion" + (f"-{anchor_of(run.label)}" if several else "")
        pictures.append(Picture(name, title, _matrix(counts, run.dataset.classes)))
        rows = _most_confused(counts, run.dataset.classes)
        tables.append(Table(("true", "taken for", "images", "share"), rows, f"Most often confused{where}"))
    caption = (
        "On validation images; a row a true class, a column what it was taken for, as a share of the row."
    )
    return Section(
        anchor="confusion-matrix",
        title="Confusions",
        caption=caption,
        pictures=tuple(pictures),
        tables=tuple(table for table in tables if table.rows),
    )


def confusion_matrix(run: RunRecords, epoch: int) -> np.ndarray:
    """Return the counts of an epoch, (classes, classes): rows true, columns predicted."""
    places = {name: place for place, name in enumerate(run.dataset.classes)}
    counts = np.zeros((len(places), len(places)), int)
    rows = run.confusion[run.confusion.epoch == epoch]
    for true, predicted, count in zip(rows.true, rows.predicted, rows["count"], strict=True):
        if true in places and predicted in places:
            counts[places[true], places[predicted]] += count
    return counts


def _matrix(counts: np.ndarray, classes: Sequence[str]) -> Figure:
    named = len(classes) <= MOST_NAMED
    names = [short(name, 14) for name in classes] if named else []
    left = 16 + 5.4 * max(map(len, names), default=3)
    side = WIDTH - left - 6
    figure = new_figure(side + left + 6, placed=True)
    axes = place(figure, left=left, top=6, width=side, height=side)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    axes.imshow(shares, cmap="cividis", vmin=0, vmax=1, interpolation="none", aspect="auto")
    axes.grid(visible=False)
    axes.set(xlabel="taken for", ylabel="true")
    if named:
        axes.set_xticks(range(len(names)), names, rotation=90)
        axes.set_yticks(range(len(names)), names)
        axes.tick_params(length=0, labelsize=8)
    if len(classes) <= 12:
        for (true, predicted), count in np.ndenumerate(counts):
            if count:
                color = "black" if shares[true, predicted] > 0.5 else "white"
                axes.text(predicted, true, f"{count:,}", color=color, ha="center", va="center", fontsize=8)
    return figure


def _most_confused(counts: np.ndarray, classes: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    wrong = counts - np.diag(np.diag(counts))
    order = np.argsort(wrong, axis=None, kind="stable")[::-1][:MOST_CONFUSED]
    pairs = zip(*np.unravel_index(order, counts.shape), strict=True)
    return tuple(
        (classes[true], classes[predicted], f"{count:,}", f"{count / counts[true].sum():.1%}")
        for true, predicted in pairs
        if (count := wrong[true, predicted])
    )
