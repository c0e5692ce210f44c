"""A CSV file of a tree over the classes, for hierarchical softmax."""

import csv
import io
import logging
from dataclasses import dataclass

from kerasnets.errors import UserError, nearest, printable
from kerasnets.files.user_tables import read_rows

log = logging.getLogger("kerasnets")


@dataclass(frozen=True)
class Tree:
    """A tree over the classes, as the layer `LabelTree` takes it.

    Attributes:
        names: of the nodes.
        parents: for each node the index of its parent, or -1 at the top.
        leaves: for each class the index of its node.
    """

    names: tuple
    parents: tuple
    leaves: tuple

    @property
    def nodes(self):
        """How many logits the network has to give."""
        return len(self.parents)


def read_label_tree(path, classes):
    """Read the tree that lies over the classes of some data.

    A CSV file with the columns node and parent, a row a node, the parent empty at the top. The
    leaves are the classes. A single node at the top is not among the nodes of the result: it has the
    probability one.

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


def label_tree_text(path):
    """Return a label tree's file as it was read: in commas, with node and parent first and no other rows.

    Raises:
        UserError: not readable as a table of node and parent.
    """
    text = io.StringIO()
    rows = ((node, parent) for node, (parent, _) in _read(path).items())
    csv.writer(text, lineterminator="\n").writerows([("node", "parent"), *rows])
    return text.getvalue()


def _read(path):
    """Return the file as {node: (parent, row)}."""
    table = read_rows(path, lambda header: set(_plain(header)) == {"node", "parent"})
    for note in table.notes:
        log.warning("%s", note)
    header = _plain(table.header)
    if sorted(header) != ["node", "parent"]:
        found = ", ".join(map(repr, table.header))
        raise UserError(printable(f"{path}: row 1: found columns {found}, allowed: node, parent"))
    rows = {}
    for row, cells in table.rows.items():
        cells = dict(zip(header, cells, strict=True))
        node = cells["node"]
        if not node:
            raise UserError(f"{path}: row {row}: found no node and parent, allowed: two cells, a name first")
        if node in rows:
            said = f"found node {node!r}, which row {rows[node][1]} names already"
            raise UserError(f"{path}: row {row}: {said}, allowed: every node once")
        rows[node] = cells["parent"], row
    return rows


def _plain(header):
    return [name.strip().lower() for name in header]


def _check_parents(path, rows):
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
            said = " > ".join(map(repr, [*way, node]))
            raise UserError(f"{path}: row {row}: found a circle of parents, {said}, allowed: a tree")


def _check_leaves(path, rows, classes):
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
