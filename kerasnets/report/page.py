"""report.html: what happened in a run, on one page that needs nothing else."""

from importlib.resources import files

import jinja2

from kerasnets.errors import UserError
from kerasnets.files.whole_files import write_text
from kerasnets.report import figures
from kerasnets.runs.directory import RunDirectory
from kerasnets.runs.trained_run import open_run

MEASURES = {"accuracy": "accuracy", "mean_absolute_error": "mean absolute error"}
"""What is measured beside the loss: of classes, of numeric targets."""


def write_run_report(run):
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
            sections=_sections(directory, history, recipe, measure),
            history=history.to_html(index=False, border=0, float_format=lambda value: f"{value:.4g}"),
            recipe=recipe.to_toml(),
        ),
    )
    return directory.report_file


def _measure(directory, history, result):
    """Return what was measured beside the loss; raise UserError where the history is not of the result."""
    if result and len(history) != result.epochs:
        raise UserError(
            f"{directory.history_file}: found {len(history)} epochs, allowed: {result.epochs}, as "
            f"{directory.result_file.name} has"
        )
    found = [name for name in MEASURES if name in history]
    splits = result.splits.values() if result else ()
    if not found or any(getattr(measured, found[0]) is None for measured in splits):
        allowed = " or ".join(MEASURES)
        raise UserError(f"{directory.history_file}: found no column of what was measured, allowed: {allowed}")
    return found[0]


def _sections(directory, history, recipe, measure):
    """Return (title, what to see in it, PNG as base64) of every figure there is data for."""
    sections = [
        (
            f"Loss and {MEASURES[measure]}",
            "Training and validation, by epoch.",
            figures.curves(history, ("loss", measure)),
        ),
    ]
    sections += _diagnostic_sections(directory.diagnostics(), recipe.diagnostics.ratio_band)
    if directory.finished:
        trained = open_run(directory, "report")
        filters = figures.first_filters(trained.network, trained.preprocessing.backwards)
        if filters:
            said = f"The kernels of {filters[0]}, each stretched to its own range."
            sections.append(("First-layer filters", said, filters[1]))
    return sections


def _diagnostic_sections(diagnostics, band):
    ratios = diagnostics[diagnostics.quantity == "update_ratio"]
    variances = diagnostics[diagnostics.quantity == "activation_variance"]
    sections = []
    if len(ratios):
        said = (
            f"‖Δw‖/‖w‖ of single steps, per layer. Shaded: {band[0]:g} to {band[1]:g}; about 1e-3 is "
            "healthy. Where a schedule lowers the rate, the ratio falls with it."
        )
        sections.append(("Update ratios", said, figures.update_ratios(ratios, band)))
    if len(variances):
        said = "Variance of each layer's output on the same images, from the first layer to the last."
        sections.append(("Activation variance over depth", said, figures.variance_over_depth(variances)))
    return sections
