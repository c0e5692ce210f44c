"""The files that a range test leaves."""

from pathlib import Path

from kerasnets.rate_range.curve.rate_range import RateRange
from kerasnets.rate_range.picture import write_pictures
from kerasnets.rate_range.table import write_table

RECORD, TABLE = "range.json", "range.csv"


def write_range(found: RateRange, folder: Path) -> dict[str, Path]:
    """Write the record, the table and the pictures of a range test; return their paths by what they are."""
    folder.mkdir(parents=True, exist_ok=True)
    found.write(folder / RECORD)
    write_table(found, folder / TABLE)
    picture, drawing = write_pictures(found, folder)
    return {"numbers": folder / RECORD, "table": folder / TABLE, "picture": picture, "drawing": drawing}
