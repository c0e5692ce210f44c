"""page.html of a search: what came out, on one page that needs nothing else."""

import os
from pathlib import Path

from kerasnets.errors import printable
from kerasnets.files.whole_files import write_text
from kerasnets.report import drawing
from kerasnets.report.page import write_pictures
from kerasnets.report.rendering import render
from kerasnets.report.section import Section
from kerasnets.report.tuning.forest import grow
from kerasnets.report.tuning.learning_curves import curve_sections
from kerasnets.report.tuning.outcome import recipe_section, results_table, search_verdict, trials_section
from kerasnets.report.tuning.progress import progress_sections
from kerasnets.report.tuning.rate_test import range_sections
from kerasnets.report.tuning.records import SearchRecords, read_search
from kerasnets.report.tuning.scores import score_sections
from kerasnets.report.tuning.surfaces import contour_sections, importance_sections, parallel_sections
from kerasnets.runs.searches.directory import SearchDirectory


def write_search_page(
    search: str | os.PathLike[str],
    to: str | os.PathLike[str] | None = None,
    *,
    pictures: str | os.PathLike[str] | None = None,
) -> Path:
    """Write the page of a search, finished or not; see `kerasnets.write_search_report`."""
    records = read_search(search)
    with drawing.style():
        sections = search_sections(records)
        file = Path(to or SearchDirectory(search).page_file)
        write_text(file, rendered(records, sections))
        if pictures is not None:
            write_pictures(sections, Path(pictures))
    return file


def rendered(records: SearchRecords, sections: list[Section]) -> str:
    """Return the page as HTML; inside `drawing.style`."""
    return render(
        "template.html",
        title=printable(f"{records.search.name}: search"),
        results=results_table(records),
        verdicts=[search_verdict(records)],
        sections=sections,
    )


def search_sections(records: SearchRecords) -> list[Section]:
    """Return every section that there is something to show in; inside `drawing.style`."""
    forest = grow(records) if len(records.axes) > 1 else None
    return [
        *score_sections(records),
        *range_sections(records.rates),
        *importance_sections(records, forest),
        *contour_sections(records, forest),
        *parallel_sections(records),
        *curve_sections(records),
        *progress_sections(records),
        *trials_section(records),
        recipe_section(records),
    ]
