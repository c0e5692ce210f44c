"""findings.json of a run: what was found wrong with the training so far."""

from collections.abc import Iterable
from pathlib import Path

from kerasnets.diagnosis.finding import Finding
from kerasnets.errors import UserError
from kerasnets.files.records import read_record, write_record

FORMAT = 1
"""Version of the file."""


def write_findings(path: Path, findings: Iterable[Finding]) -> None:
    """Write findings.json, whole or not at all, in the order in which the findings began."""
    write_record(path, FORMAT, {"findings": [finding.to_dict() for finding in findings]})


def read_findings(path: Path) -> list[Finding]:
    """Return the findings of findings.json.

    Raises:
        UserError: it is not what `write_findings` writes, or was written by a newer version.
    """
    table = read_record(path, FORMAT, findings=list)
    try:
        return [Finding.from_dict(finding) for finding in table["findings"]]
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise UserError(f"{path}: findings: found something else than findings: {error}") from None
