"""report.html: what happened in a run, on one page that needs nothing else."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import jinja2
import pandas as pd

from kerasnets.errors import UserError
from kerasnets.files.whole_files import write_text
from kerasnets.recipe import Recipe
from kerasnets.report import figures
from kerasnets.runs.directory import RunDirectory
from kerasnets.runs.records.result import MEASURES, Result
from kerasnets.runs.trained_run import open_run

JUDGED_BY = ("accuracy", "mean_absolute_error")
"""What is measured beside the loss: of classes, of numeric targets."""


@dataclass(frozen=True)
class Section:
    """A figure of the page.

    Attributes:
        title: its heading.
        caption: what it shows.
        picture: a PNG in base64.
    """

    title: str
    caption: str
    picture: str


def write_run_report(run: str | os.PathLike[str]) -> Path:
    """Write a run's report; see `kerasnets.write_report`."""
    directory = RunDirectory(run)
    if not directory.exists:
        raise UserError(f"{directory}: no run here; allowed: a folder that `kerasnets train` has made")
    history = directory.history()
    if history.empty:
        raise UserError(f"{directory}: no epoch has ended yet; allowed: a run with at least one epoch done")
    template = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string(
        files("kerasnets.report").joinpath("template.html").read_text(encoding="utf-8")
    )
    recipe, result = directory.recipe(), directory.result
    with directory.naming_damage(directory.history_file):
        measure = _measure(directory, history, result)
    write_text(
        directory.report_file,
        template.render(
            name=recipe.name,
            run=str(directory),
            epochs=f"{len(history)} of {recipe.train.epochs}",
            result=result,
            measure=measure,
            measured=MEASURES[measure],
            sections=_sections(directory, recipe, history, measure=measure),
            history=history.to_html(index=False, border=0, float_format=lambda value: f"{value:.4g}"),
            recipe=recipe.to_toml(),
        ),
    )
    return directory.report_file


def _measure(directory: RunDirectory, history: pd.DataFrame, result: Result | None) -> str:
    """Return what was measured beside the loss; raise UserError where the history is not of the result."""
    if result and len(history) != result.epochs:
        raise UserError(
            f"{directory.history_file}: found {len(history)} epochs, allowed: {result.epochs}, as "
            f"{directory.result_file.name} has"
        )
    found = [name for name in JUDGED_BY if name in history]
    splits = result.splits.values() if result else ()
    if not found or any(getattr(measures, found[0]) is None for measures in splits):
        raise UserError(
            f"{directory.history_file}: found no column of what was measured, "
            f"allowed: {' or '.join(JUDGED_BY)}"
        )
    return found[0]


def _sections(
    directory: RunDirectory, recipe: Recipe, history: pd.DataFrame, *, measure: str
) -> list[Section]:
    """Return every figure that there is data for."""
    sections = [
        Section(
            f"Loss and {MEASURES[measure]}",
            "Training and validation, by epoch.",
            figures.curves(history, ("loss", measure)),
        ),
        *_diagnostic_sections(directory.diagnostics(), recipe.diagnostics.ratio_band),
    ]
    if directory.finished:
        trained = open_run(directory, "report")
        filters = figures.first_filters(trained.network, backwards=trained.preprocessing.backwards)
        if filters:
            layer, picture = filters
            caption = f"The kernels of {layer}, each stretched to its own range."
            sections.append(Section("First-layer filters", caption, picture))
    return sections


def _diagnostic_sections(diagnostics: pd.DataFrame, band: Sequence[float]) -> list[Section]:
    """Return the figures of update ratios and activation variances, as far as they were recorded."""
    ratios = diagnostics[diagnostics.quantity == "update_ratio"]
    variances = diagnostics[diagnostics.quantity == "activation_variance"]
    sections = []
    if len(ratios):
        caption = (
            f"‖Δw‖/‖w‖ of single steps, per layer. Shaded: {band[0]:g} to {band[1]:g}; about 1e-3 is "
            "healthy. Where a schedule lowers the rate, the ratio falls with it."
        )
        sections.append(Section("Update ratios", caption, figures.update_ratios(ratios, band)))
    if len(variances):
        caption = "Variance of each layer's output on the same images, from the first layer to the last."
        picture = figures.variance_over_depth(variances)
        sections.append(Section("Activation variance over depth", caption, picture))
    return sections
