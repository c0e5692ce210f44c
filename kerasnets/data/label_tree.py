"""A CSV file of a tree over the classes, for hierarchical softmax."""

import csv
import io
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kerasnets.errors import UserError, few, nearest, printable
from kerasnets.files.user_tables import read_rows

log = logging.getLogger("kerasnets")

Rows = dict[str, tuple[str, int]]
"""A file's nodes, each with its parent, empty at the top, and its row."""


@dataclass(frozen=True)
class Tree:
    """A tree over the classes, as the layer `LabelTree` takes it.

    Attributes:
        names: the nodes' names.
        parents: for each node the index of its parent, or -1 at the top.
        leaves: for each class the index of its node.
    """

    names: tuple[str, ...]
    parents: tuple[int, ...]
    leaves: tuple[int, ...]

    @property
    def nodes(self) -> int:
        """Number of logits that the network needs."""
        return len(self.parents)


def read_label_tree(path: str | Path, classes: Sequence[object]) -> Tree:
    """Read a tree over the classes of some data.

    It is a CSV file with the columns node and parent, a row for each node, the parent empty at the top. The
    leaves are the classes. A single node at the top is not among the nodes of the result: its probability is
    one.

    Args:
        path: the file.
        classes: names of the classes.

    Raises:
        UserError: not readable, no tree, or its leaves are not the classes. The header counts as row 1.
    """
    rows = _read(path)
    _check_parents(path, rows)
    _check_leaves(path, rows, list(map(str, classes)))
    tops = [node for node, (parent, _) in rows.items() if not parent]
    names = [node for node in rows if [node] != tops]
    index = {node: number for number, node in enumerate(names)}
    parents = tuple(index.get(rows[node][0], -1) for node in names)
    return Tree(tuple(names), parents, tuple(index[str(name)] for name in classes))


def label_tree_text(path: str | Path) -> str:
    """Return the rows of a label tree's file as CSV text, with commas and the columns node and parent.

    Raises:
        UserError: not readable as a table of node and parent.
    """
    text = io.StringIO()
    rows = ((node, parent) for node, (parent, _) in _read(path).items())
    csv.writer(text, lineterminator="\n").writerows([("node", "parent"), *rows])
    return text.getvalue()


def _read(path: str | Path) -> Rows:
    """Return the rows of a file, refusing what is no table of node and parent."""
    table = read_rows(path, lambda header: set(_plain(header)) == {"node", "parent"})
    for note in table.notes:
        log.warning("%s", note)
    header = _plain(table.header)
    if sorted(header) != ["node", "parent"]:
        found = few(map(repr, table.header))
        raise UserError(printable(f"{path}: row 1: found columns {found}, allowed: node, parent"))
    rows: Rows = {}
    for row, cells in table.rows.items():
        named = dict(zip(header, cells, strict=True))
        node = named["node"]
        if not node:
            raise UserError(f"{path}: row {row}: found no node and parent, allowed: two cells, a name first")
        if node in rows:
            found = f"found node {node!r}, which row {rows[node][1]} names already"
            raise UserError(f"{path}: row {row}: {found}, allowed: every node once")
        rows[node] = named["parent"], row
    return rows


def _plain(header: list[str]) -> list[str]:
    return [name.strip().lower() for name in header]


def _check_parents(path: str | Path, rows: Rows) -> None:
    for node, (parent, row) in rows.items():
        if parent and parent not in rows:
            raise UserError(
                f"{path}: row {row}, parent: found {parent!r}, allowed: a node of the file, or empty at the "
                f"top{nearest(parent, rows)}"
            )
        way = [node]
        while parent in rows and parent not in way:
            way.append(parent)
            parent = rows[parent][0]
        if parent == node:
            circle = " > ".join(map(repr, [*way, node]))
            raise UserError(f"{path}: row {row}: found a circle of parents, {circle}, allowed: a tree")


def _check_leaves(path: str | Path, rows: Rows, classes: list[str]) -> None:
    child = {parent: node for node, (parent, _) in rows.items()}
    for name in classes:
        if name not in rows:
            near = nearest(name, [node for node in rows if node not in child])
            raise UserError(f"{path}: found no node {name!r}, allowed: a leaf for every class{near}")
        if name in child:
            row = rows[child[name]][1]
            raise UserError(
                f"{path}: row {row}: found the class {name!r} as a parent, allowed: classes are leaves"
            )
    known = set(classes)
    for node, (_, row) in rows.items():
        if node not in child and node not in known:
            raise UserError(
                f"{path}: row {row}: found the leaf {node!r}, allowed: classes of the data as leaves"
                f"{nearest(node, classes)}"
            )
