"""The result of an audit."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from kerasnets.catalog.audit_kinds import DONE, KINDS
from kerasnets.data.images.encoded import EncodedImages
from kerasnets.errors import UserError, printable

COLUMNS = ["path", "split", "class", "kind", "policy", "detail"]


@dataclass(frozen=True, eq=False)
class Audit:
    """What an audit has found; as text, its findings by kind.

    Attributes:
        table: DataFrame of findings with `COLUMNS`, by kind; `policy` is what was done about each.
        images: number of images that the dataset had.
        inspected: number of encoded images that were inspected now; earlier audits had inspected the others.
        split_sizes: mapping of split to the number of its images that are used.
        drawn: names of the splits that were drawn from the training images.
        pictures: for each row of the table (images, index), where its image lies, or None.
        notes: lines on how the source was read.
        sizes: int array (N, 2), height and width in pixels, upright, of the encoded images that are used.
        grey: bool array (N,), which of these have no colour.
    """

    table: pd.DataFrame
    images: int
    inspected: int
    split_sizes: Mapping[str, int]
    pictures: tuple[tuple[np.ndarray | EncodedImages, int] | None, ...] = field(repr=False)
    drawn: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    sizes: np.ndarray = field(default_factory=lambda: np.zeros((0, 2), int), repr=False)
    grey: np.ndarray = field(default_factory=lambda: np.zeros(0, bool), repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON can write it; each finding is a table with `COLUMNS`."""
        return {
            "images": self.images,
            "inspected": self.inspected,
            "split_sizes": dict(self.split_sizes),
            "drawn": list(self.drawn),
            "notes": list(self.notes),
            "findings": self.table.to_dict("records"),
        }

    def counts(self) -> pd.DataFrame:
        """Return the table of kind, policy and the number of findings."""
        return self.table.groupby(["kind", "policy"], sort=False).size().rename("count").reset_index()

    def counts_by_class(self) -> pd.DataFrame:
        """Return a table with a row a class, a column a kind, and the number of findings in it."""
        counts = pd.crosstab(self.table["class"], self.table["kind"])
        return counts[[kind for kind in KINDS if kind in counts.columns]]

    def __str__(self) -> str:
        # how the source was read; of each kind how many, what was done, and the first
        new = f", {self.inspected:,} of them for the first time" if self.inspected else ""
        lines = [f"{self.images:,} images audited{new}", *map(printable, self.notes)]
        for (kind, policy), rows in self.table.groupby(["kind", "policy"], sort=False):
            first = printable(f"{_where(rows.iloc[0])}: {rows.iloc[0]['detail']}")
            lines.append(f"{kind}: {len(rows):,} {DONE[policy]}{', first' if len(rows) > 1 else ':'} {first}")
        return "\n".join(lines)

    def splits_text(self) -> str:
        """Return the sizes of the splits on a line, and which of them were drawn."""
        sizes = ", ".join(f"{size:,} {name}" for name, size in self.split_sizes.items())
        return sizes + (f" ({' and '.join(self.drawn)} drawn from train)" if self.drawn else "")

    def check(self) -> None:
        """Refuse a dataset that its policies refuse, or of which too little is left.

        Raises:
            UserError: a finding whose policy is "error"; a split left without images.
        """
        refused = self.table[self.table["policy"] == "error"]
        if len(refused):
            first = refused.iloc[0]
            kind = first["kind"]
            allowed = " or ".join(policy for policy in KINDS[kind].policies if policy != "error")
            more = f" (and {len(refused) - 1:,} more; kerasnets audit lists them)" if len(refused) > 1 else ""
            where = f"{_where(first)}: {kind}: {first['detail']}"
            raise UserError(f"{printable(where)}; allowed with data.audit.{kind} = {allowed}{more}")
        for split, count in self.split_sizes.items():
            if not count:
                raise UserError(f"{split}: no image is left after the audit: {len(self.table):,} findings")


def _where(row: pd.Series) -> str:
    return row["path"] or f"class {row['class']}"
