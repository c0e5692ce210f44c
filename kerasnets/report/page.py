"""report.html: what happened in one run or several, on one page that needs nothing else."""

import os
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from kerasnets.files.whole_files import whole_file, write_text
from kerasnets.report import drawing
from kerasnets.report.rendering import render
from kerasnets.report.run_records import RunRecords, read_runs
from kerasnets.report.section import Section, Table
from kerasnets.report.sections.about import about_sections, warning_sections
from kerasnets.report.sections.curves import curve_sections, epoch_sections
from kerasnets.report.sections.heat_maps import heat_map_sections
from kerasnets.report.sections.images import image_sections
from kerasnets.report.sections.recipe_differences import recipe_section
from kerasnets.report.sections.ridges import ridge_sections
from kerasnets.report.sections.speed import speed_sections, whole_network_sections
from kerasnets.report.sections.verdicts import run_verdict
from kerasnets.runs.directory import RunDirectory
from kerasnets.runs.records.result import MEASURES


def write_page(
    paths: Sequence[str | os.PathLike[str]],
    to: str | os.PathLike[str] | None = None,
    *,
    pictures: str | os.PathLike[str] | None = None,
) -> Path:
    """Write the page of runs; see `kerasnets.write_report`."""
    from kerasnets.report.network import with_network  # loads TensorFlow, which `render_page` does without

    runs = [with_network(run) for run in read_runs(paths)]
    with drawing.style():
        sections = page_sections(runs)
        own = RunDirectory(paths[0]).report_file
        file = Path(to or (own if len(paths) == 1 else own.name))
        write_text(file, _rendered(runs, sections))
        if pictures is not None:
            write_pictures(sections, Path(pictures))
    return file


def render_page(runs: Sequence[RunRecords]) -> str:
    """Return the page of one run or several as HTML that needs no other file and no network.

    Args:
        runs: at least one; see `kerasnets.report.run_records.read_runs`.
    """
    with drawing.style():
        return _rendered(runs, page_sections(runs))


def page_sections(runs: Sequence[RunRecords]) -> list[Section]:
    """Return every section that there is something to show in; inside `drawing.style`."""
    return [
        *warning_sections(runs),
        *curve_sections(runs),
        *whole_network_sections(runs),
        *heat_map_sections(runs),
        *ridge_sections(runs),
        *image_sections(runs),
        *speed_sections(runs),
        recipe_section(runs),
        *about_sections(runs),
        *epoch_sections(runs),
    ]


def _rendered(runs: Sequence[RunRecords], sections: Sequence[Section]) -> str:
    return render(
        "template.html",
        title=", ".join(dict.fromkeys(run.recipe.name for run in runs)),
        results=_results(runs),
        verdicts=[run_verdict(run, sections) for run in runs],
        sections=sections,
    )


def write_pictures(sections: Sequence[Section], folder: Path) -> None:
    """Write every picture as a PNG file, and as an SVG file what was not drawn while training."""
    folder.mkdir(parents=True, exist_ok=True)
    for picture in (picture for section in sections for picture in section.pictures):
        contents = picture.drawing
        if isinstance(contents, Figure):
            write_text(folder / f"{picture.name}.svg", drawing.svg(contents))
            contents = drawing.png(contents)
        with whole_file(folder / f"{picture.name}.png") as temporary:
            temporary.write_bytes(contents)


def _results(runs: Sequence[RunRecords]) -> Table:
    """Return how good the runs are, a column a run."""
    word = MEASURES[runs[0].measure]
    names = (
        "folder",
        "epochs",
        f"test {word}",
        "test loss",
        f"validation {word}",
        "validation loss",
        "steps",
    )
    columns = []
    for run in runs:
        splits = run.result.splits if run.result else {}
        cells = []
        for name in ("test", "validation"):
            measured = splits.get(name)
            for key in (run.measure, "loss"):
                cells.append(f"{getattr(measured, key):.4f}" if measured else "")
        done = f"{len(run.history)} of {run.recipe.train.epochs}" + ("" if run.result else ", unfinished")
        steps = run.result.steps if run.result else int(run.steps.step.max()) if len(run.steps) else ""
        columns.append((run.path, done, *cells, f"{steps:,}" if steps != "" else ""))
    rows = zip(names, *columns, strict=True)
    labels = [run.label for run in runs]
    return Table(("", *labels), tuple(row for row in rows if any(row[1:])))
