"""Accuracy against cost: Canziani, Paszke, Culurciello, "An Analysis of Deep Neural Network Models for
Practical Applications", 2016, figure 2. Published accuracies are in published.csv, each with its source;
the cost of a network is counted here.
"""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from kerasnets.errors import UserError, nearest
from kerasnets.files.whole_files import whole_file, write_text
from kerasnets.models import build
from kerasnets.sizing.layers import layer_sizes, shapes_only

PUBLISHED = Path(__file__).with_name("published.csv")
COLOURS = {
    "AlexNet": "tab:purple",
    "ZFNet": "tab:pink",
    "VGG": "tab:orange",
    "Inception": "tab:blue",
    "plain": "tab:gray",
    "ResNet": "tab:green",
}
AREA_PER_PARAMETER = 12e-6
"""Square points of a blob: 140 million parameters are 0.6 inch wide."""


def complexity_table(names: Sequence[str] | None = None) -> pd.DataFrame:
    """Return the cost of each architecture for one image, and its accuracy on ImageNet.

    Args:
        names: architectures; by default all with a published accuracy.

    Returns:
        A table with a row for each architecture: `name`, `family`, `parameters` (trainable), `macs`
        (multiply-accumulates), `flops` (two for each), `top1` (percent, ImageNet-1k validation), `views`
        (crops of an image whose predictions were averaged) and `source`.

    Raises:
        UserError: an architecture without a published accuracy.
    """
    table = _published(names)
    sizes = pd.DataFrame(map(_size, table.name))
    return pd.concat([table[["name", "family"]], sizes, table[["top1", "views", "source"]]], axis=1)


def write_complexity(folder: str | PathLike[str], names: Sequence[str] | None = None) -> pd.DataFrame:
    """Write complexity.csv and complexity.png into `folder`, which is created if needed; return the table.

    Raises:
        UserError: as in `complexity_table`, or `folder` is a file.
    """
    _published(names)  # a wrong name leaves no folder behind
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise UserError(f"{folder}: found a file, allowed: a folder for the table and the picture") from None
    table = complexity_table(names)
    write_text(folder / "complexity.csv", table.to_csv(index=False))
    draw_complexity(table, folder / "complexity.png")
    return table


def draw_complexity(table: pd.DataFrame, path: str | PathLike[str]) -> None:
    """Draw top-1 accuracy against multiply-accumulates, a blob's area proportional to parameters.

    A dashed outline marks an accuracy that is not of a single crop.

    Args:
        table: what `complexity_table` returns.
        path: file to write, .png or .svg.

    Raises:
        UserError: another suffix.
    """
    path = Path(path)
    if path.suffix not in (".png", ".svg"):
        raise UserError(f"{path}: found suffix {path.suffix!r}, allowed: .png, .svg")
    figure = Figure(figsize=(12, 7), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)  # text can be measured before it is placed
    axes = figure.subplots()
    axes.set(xscale="log", xlabel="multiply-accumulates for one image, billions")
    axes.set(ylabel="top-1 accuracy on ImageNet validation, %")
    axes.grid(alpha=0.3)
    axes.margins(0.1)
    _draw_blobs(axes, table)
    _draw_legends(axes, table)
    _tick_plainly(axes)
    _write_names(figure, axes, table)
    with whole_file(path) as temporary:
        figure.savefig(temporary)


def _published(names: Sequence[str] | None) -> pd.DataFrame:
    table = pd.read_csv(PUBLISHED, index_col="name")
    for name in names or ():
        if name not in table.index:
            allowed = ", ".join(table.index)
            raise UserError(f"{name}: no published accuracy, allowed: {allowed}{nearest(name, table.index)}")
    return table.loc[list(names or table.index)].reset_index()


def _size(name: str) -> pd.Series:
    with shapes_only():
        return layer_sizes(build(name))[["parameters", "macs", "flops"]].sum()


def _draw_blobs(axes: Axes, table: pd.DataFrame) -> None:
    for (family, views), rows in table.groupby(["family", "views"]):
        axes.scatter(
            rows.macs / 1e9,
            rows.top1,
            s=AREA_PER_PARAMETER * rows.parameters,
            facecolor=(COLOURS[family], 0.3),
            edgecolor=COLOURS[family],
            linestyle="-" if views.startswith("1 crop") else "--",
        )


def _draw_legends(axes: Axes, table: pd.DataFrame) -> None:
    def blob(label: str, area: float = 60, **style: Any) -> Any:
        return axes.scatter([], [], s=area, label=label, **style)

    families = [
        blob(family, facecolor=(colour, 0.3), edgecolor=colour)
        for family, colour in COLOURS.items()
        if family in set(table.family)
    ]
    families.append(blob("not of a single crop", facecolor="none", edgecolor="black", linestyle="--"))
    areas = [
        blob(f"{millions} M parameters", AREA_PER_PARAMETER * millions * 1e6, color="lightgray")
        for millions in (5, 50, 150)
    ]
    # outside the axes, where they hide nothing
    axes.add_artist(axes.legend(handles=families, loc="upper left", bbox_to_anchor=(1, 1)))
    axes.legend(
        handles=areas,
        loc="lower left",
        bbox_to_anchor=(1, 0),
        labelspacing=2.6,
        borderpad=2,
        handletextpad=1.8,
    )


def _tick_plainly(axes: Axes) -> None:
    axes.set_xticks([0.5, 1, 2, 5, 10, 20], labels=["0.5", "1", "2", "5", "10", "20"])
    axes.minorticks_off()


def _write_names(figure: Figure, axes: Axes, table: pd.DataFrame) -> None:
    """Write each name into its blob if it fits, else at the nearest place where it covers nothing."""
    figure.draw_without_rendering()  # lays out the axes
    figure.set_layout_engine("none")  # so that they stay
    points = 72 / figure.dpi
    centres = axes.transData.transform(np.column_stack([table.macs / 1e9, table.top1])) * points
    radii = np.sqrt(AREA_PER_PARAMETER * table.parameters) / 2
    blobs = [_box(centre, 1.8 * radius) for centre, radius in zip(centres, radii, strict=True)]
    taken: list[Bbox] = []
    for i, row in enumerate(table.itertuples()):
        name = axes.annotate(row.name, (row.macs / 1e9, row.top1), (0, 0), textcoords="offset points")
        name.set(ha="center", va="center", fontsize=8)
        size = np.asarray(name.get_window_extent().size) * points
        place = _free_place(centres[i], radii[i], size, taken=taken + blobs[:i] + blobs[i + 1 :])
        taken.append(_box(place, size))
        name.set_position(place - centres[i])


def _free_place(centre: np.ndarray, radius: float, size: np.ndarray, *, taken: Sequence[Bbox]) -> np.ndarray:
    """Return the first place in or around a blob where a box of `size` overlaps none of `taken`."""
    if size[0] < 2 * radius:
        return centre
    angles = sorted(np.linspace(-np.pi, np.pi, 24, endpoint=False), key=abs)  # to the right first
    for gap in range(2, 80, 4):
        for angle in angles:
            place = centre + np.array([np.cos(angle), np.sin(angle)]) * (radius + gap + size / 2)
            if not any(_box(place, size).overlaps(box) for box in taken):
                return place
    return centre


def _box(centre: np.ndarray, size: np.ndarray) -> Bbox:
    return Bbox([centre - np.divide(size, 2), centre + np.divide(size, 2)])
