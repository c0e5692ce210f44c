"""A study from its first part to its table, picture and sentence; stopped, it goes on at the next part."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib import import_module
from pathlib import Path

import keras
import pandas as pd

from kerasnets.errors import UserError, few, nearest
from kerasnets.files.whole_files import check_writable, owned, whole_file, write_text
from kerasnets.studies.catalog import STUDIES
from kerasnets.studies.results import Results
from kerasnets.studies.study import Study

Progress = Callable[[int, int, str], None]
"""Called with the number of finished parts, of all parts, and the name of the part that begins, or ""."""


@dataclass(frozen=True, kw_only=True)
class StudyResult:
    """A finished study.

    Attributes:
        name: of the study.
        folder: where its files are: results.csv with what each part measured, and NAME.csv, NAME.png and
            NAME.md, a page of the three.
        table: what came out, a DataFrame.
        sentence: what came out, in one sentence.
    """

    name: str
    folder: Path
    table: pd.DataFrame
    sentence: str

    def __str__(self) -> str:
        return self.sentence

    def file(self, suffix: str) -> Path:
        """Return the path of one of its files: "csv" of the table, "png" of the picture, "md" of the page."""
        return self.folder / f"{self.name}.{suffix}"


def run_study(
    name: str,
    folder: Path,
    progress: Progress,
    *,
    data: str | None = None,
    parts: Sequence[str] = (),
) -> StudyResult:
    """Run what is missing of a study; see `kerasnets.study`."""
    check_writable(folder, "the study")
    study: Study = import_module(STUDIES[name].module).STUDY
    if data is not None:
        study = _on(study, name, data)
    chosen = _chosen(study, parts)
    with owned(folder):
        results = Results(folder, study.parts)
        if data is not None and results.missing != list(study.parts):
            _check_data(results, data)
        for part in [part for part in results.missing if part in chosen]:
            progress(len(study.parts) - len(results.missing), len(study.parts), part)
            results.add(part, study.run(part, folder))
            keras.utils.clear_session()
        progress(len(study.parts) - len(results.missing), len(study.parts), "")
        return _written(name, folder, study=study, results=results.frame())


def _chosen(study: Study, patterns: Sequence[str]) -> list[str]:
    """Return the parts that any pattern fits; all where there is no pattern."""
    chosen = [
        part
        for part in study.parts
        if not patterns or any(fnmatchcase(part, pattern) for pattern in patterns)
    ]
    if not chosen:
        raise UserError(f"part: found {', '.join(patterns)}, allowed: patterns of {few(study.parts)}")
    return chosen


def _on(study: Study, name: str, data: str) -> Study:
    if study.on is None:
        raise UserError(f"--data: found {data!r}, allowed: with a study that runs on any, not with {name}")
    if data not in study.data:
        raise UserError(
            f"--data: found {data!r}, allowed: {', '.join(study.data)}{nearest(data, study.data)}"
        )
    return study.on(data)


def _check_data(results: Results, data: str) -> None:
    """Refuse to go on with a study that began on other data."""
    others = set(results.frame()["data"]) - {data}
    if others:
        raise UserError(f"{results.path}: found results on {min(others)}; give another --to for {data}")


def _written(name: str, folder: Path, *, study: Study, results: pd.DataFrame) -> StudyResult:
    sentence = study.sentence(results)
    result = StudyResult(name=name, folder=folder, table=study.table(results), sentence=sentence)
    with whole_file(result.file("png")) as temporary:
        study.draw(results, folder).savefig(temporary)
    write_text(result.file("csv"), result.table.to_csv(index=False))
    write_text(result.file("md"), _page(result))
    return result


def _page(result: StudyResult) -> str:
    parts = (
        f"# Study: {result.name}",
        STUDIES[result.name].claim,
        f"`kerasnets study {result.name}`: {result.sentence}",
        f"![{result.name}]({result.file('png').name})",
        _markdown(result.table),
    )
    return "\n\n".join(parts) + "\n"


def _markdown(table: pd.DataFrame) -> str:
    """Return a DataFrame as a table of Markdown."""
    rows = [list(table.columns), ["---"] * len(table.columns), *table.itertuples(index=False)]
    return "\n".join(f"| {' | '.join(map(_cell, row))} |" for row in rows)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "" if value != value else f"{value:.4g}"
    return str(value).replace("|", "\\|")
