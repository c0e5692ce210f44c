"""What an audit has found, and what is said of it."""

from dataclasses import dataclass

import pandas as pd

from kerasnets.catalog.audit_kinds import DONE, KINDS
from kerasnets.errors import UserError, printable

COLUMNS = ["path", "split", "class", "kind", "policy", "detail"]


@dataclass(frozen=True, eq=False)
class Audit:
    """What an audit has found.

    Attributes:
        table: DataFrame of findings with `COLUMNS`, by kind; `policy` is what was done about it.
        images: how many images the dataset had.
        inspected: how many encoded images were inspected now, the others known from an audit before.
        left: mapping of split to the images that are left.
        pictures: for each row (images, index), where its image lies, or None.
        notes: lines that say how the source was read.
    """

    table: pd.DataFrame
    images: int
    inspected: int
    left: dict
    pictures: tuple
    notes: tuple = ()

    def counts(self):
        """Return the table of kind, policy and the number of findings."""
        return self.table.groupby(["kind", "policy"], sort=False).size().rename("count").reset_index()

    def counts_by_class(self):
        """Return a table with a row a class, a column a kind, and the number of findings in it."""
        counts = pd.crosstab(self.table["class"], self.table["kind"])
        return counts[[kind for kind in KINDS if kind in counts.columns]]

    def text(self):
        """Return lines: how the source was read; of each kind how many, what was done, and the first."""
        new = f", {self.inspected:,} of them for the first time" if self.inspected else ""
        lines = [f"{self.images:,} images audited{new}", *map(printable, self.notes)]
        for (kind, policy), rows in self.table.groupby(["kind", "policy"], sort=False):
            first = printable(f"{_where(rows.iloc[0])}: {rows.iloc[0]['detail']}")
            lines.append(f"{kind}: {len(rows):,} {DONE[policy]}{', first' if len(rows) > 1 else ':'} {first}")
        return "\n".join(lines)

    def check(self):
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
        for split, count in self.left.items():
            if not count:
                raise UserError(f"{split}: no image is left after the audit: {len(self.table):,} findings")


def _where(row):
    return row["path"] or f"class {row['class']}"
