"""Names that tell runs apart."""

from collections.abc import Sequence

from kerasnets.runs.directory import RunDirectory


def run_labels(directories: Sequence[RunDirectory]) -> list[str]:
    """Return names that tell runs apart: those of their folders, or else their paths."""
    names = [directory.path.resolve().name for directory in directories]
    return names if len(set(names)) == len(names) else [str(directory) for directory in directories]
