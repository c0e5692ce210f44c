"""The formats of an export in one table: how large, how right, how far from the run, how fast."""

from typing import TYPE_CHECKING

from kerasnets.exporting.manifest import Manifest

if TYPE_CHECKING:
    import pandas as pd

POINT = 0.01
"""By how much an accuracy may fall before somebody is told."""


def formats_table(manifest: Manifest) -> "pd.DataFrame":
    """Return a row a format, as text; what was not measured is empty.

    Columns are `format`, `file`, `MiB`, `accuracy` on the test split with its 95 % `interval`, `difference`,
    the largest from the run's predictions, and `ms, 1` and `ms, 32`: milliseconds an image at these batches.
    """
    import pandas as pd

    rows = []
    for name, record in manifest.formats.items():
        measured = record.accuracy is not None
        rows.append(
            {
                "format": name,
                "file": record.path,
                "MiB": f"{record.bytes / 2**20:.2f}",
                "accuracy": f"{record.accuracy:.4f}" if measured else "",
                "interval": f"{record.accuracy_low:.4f} to {record.accuracy_high:.4f}" if measured else "",
                "difference": f"{record.largest_difference:.1e}",
                **{
                    f"ms, {batch}": f"{record.milliseconds[batch]:.2f}"
                    if batch in record.milliseconds
                    else ""
                    for batch in ("1", "32")
                },
            }
        )
    return pd.DataFrame(rows)


def accuracy_losses(manifest: Manifest) -> list[str]:
    """Return a line for each format that is right on a point less of the images than the best one is."""
    shares = {
        name: record.accuracy for name, record in manifest.formats.items() if record.accuracy is not None
    }
    best = max(shares.values(), default=0.0)
    return [
        f"{name}: accuracy {share:.4f} is {100 * (best - share):.1f} points below the best format's"
        for name, share in shares.items()
        if best - share > POINT
    ]
