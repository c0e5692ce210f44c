"""A run as a notebook shows it: a small piece of HTML that needs no other file and no network."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from markupsafe import Markup

from kerasnets.diagnosis.verdict import verdict
from kerasnets.errors import one_line
from kerasnets.runs.directory import RunDirectory
from kerasnets.runs.records.result import MEASURES, Measures, Result

WIDTH, HEIGHT = 240, 72
"""Of a picture of curves, in pixels."""

COLOURS = ("#0072B2", "#D55E00")
"""Of training and validation."""

MOST_POINTS = 120
"""Points of a curve; what lies between is left out."""


def run_card(directory: RunDirectory) -> str:
    """Return a run's card: where it lies, its verdict, its measures, its curves.

    Raises:
        UserError: no run lies there, or its files are damaged.
    """
    recipe, result, history = directory.recipe(), directory.result, directory.history()
    told = result.verdict if result else None
    if told is None and directory.findings_file.is_file():
        told = verdict(directory.findings(), finished=result is not None)
    done = f"{len(history)} of {recipe.train.epochs} epochs" + ("" if result else ", unfinished")
    card = Markup(
        '<div style="font: 14px/1.4 system-ui, sans-serif"><strong>{}</strong> <code>{}</code>'
        "<div>{}</div>{}<div>{}</div></div>"
    ).format(
        recipe.name,
        directory,
        "; ".join(filter(None, (f"{recipe.model.name}, {done}", told))),
        _measures(result) if result else "",
        Markup("").join(_curves(history)),
    )
    return str(card)


def card_of_error(text: str, error: Exception) -> str:
    """Return the card of a run that cannot be read: its text, and the line that says why."""
    return str(Markup("<div><code>{}</code><div>{}</div></div>").format(text, one_line(error)))


def _measures(result: Result) -> Markup:
    """Return a table of what was measured on each split."""
    names = [
        name
        for name in MEASURES
        if any(getattr(split, name, None) is not None for split in result.splits.values())
    ]
    cell = Markup('<td style="text-align: right">{}</td>')
    rows = [
        Markup("<tr><th>{}</th>{}</tr>").format(
            split, Markup("").join(cell.format(text) for text in _numbers(measured, names))
        )
        for split, measured in result.splits.items()
    ]
    heads = Markup("").join(Markup("<th>{}</th>").format(MEASURES[name]) for name in names)
    return Markup("<table><tr><th></th>{}<th>images</th></tr>{}</table>").format(heads, Markup("").join(rows))


def _numbers(measured: Measures, names: Iterable[str]) -> list[str]:
    numbers = (getattr(measured, name) for name in names)
    return [*("" if number is None else f"{number:.4f}" for number in numbers), f"{measured.images:,}"]


def _curves(history: pd.DataFrame) -> Iterable[Markup]:
    """Yield a picture of each measure over the epochs, training and validation in their colours."""
    for name in ("loss", "accuracy", "mean_absolute_error"):
        columns = [column for column in (name, f"val_{name}") if column in history]
        if len(history) > 1 and columns:
            yield _picture(MEASURES[name], [history[column].to_numpy("float64") for column in columns])


def _picture(title: str, lines: Sequence[np.ndarray]) -> Markup:
    """Return an SVG element of lines over the same epochs, with the last number of each below it."""
    values = np.concatenate(lines)
    values = values[np.isfinite(values)]
    low, high = (values.min(), values.max()) if len(values) else (0.0, 1.0)
    paths = Markup("").join(
        Markup('<polyline fill="none" stroke="{}" stroke-width="1.5" points="{}"/>').format(
            colour, _points(line, low, high)
        )
        for line, colour in zip(lines, COLOURS, strict=False)
    )
    last = Markup(", ").join(
        Markup('<span style="color: {}">{} {}</span>').format(colour, word, f"{line[-1]:.4f}")
        for line, colour, word in zip(lines, COLOURS, ("training", "validation"), strict=False)
    )
    return Markup(
        '<figure style="display: inline-block; margin: 4px 12px 4px 0"><svg width="{0}" height="{1}" '
        'viewBox="0 0 {0} {1}" role="img" aria-label="{2}">{3}</svg>'
        "<figcaption>{2}: {4}</figcaption></figure>"
    ).format(WIDTH, HEIGHT, title, paths, last)


def _points(line: np.ndarray, low: float, high: float) -> str:
    """Return the points of a line in pixels, "x,y x,y": `low` at the bottom, `high` at the top."""
    chosen = np.unique(np.linspace(0, len(line) - 1, min(len(line), MOST_POINTS)).astype(int))
    chosen = chosen[np.isfinite(line[chosen])]
    x = 2 + (WIDTH - 4) * chosen / max(len(line) - 1, 1)
    y = 2 + (HEIGHT - 4) * (1 - (line[chosen] - low) / ((high - low) or 1))
    return " ".join(f"{across:.1f},{down:.1f}" for across, down in zip(x, y, strict=True))
