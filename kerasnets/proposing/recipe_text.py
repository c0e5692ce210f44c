"""A proposal as the text of a recipe: TOML whose lines say why."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import tomli_w

from kerasnets.errors import printable

COLUMN = 32
"""Where the reasons begin, unless a line is longer."""

WIDTH = 118
"""Characters in a line of comment, at most, but for words that are longer."""


@dataclass(frozen=True)
class Line:
    """A key with its value, and why it has this one.

    Attributes:
        key: within its table.
        value: as TOML has it.
        why: in a few words; none where the value says it.
        advised: whether it stands as a comment alone, for somebody to decide.
    """

    key: str
    value: Any
    why: str = ""
    advised: bool = False


@dataclass(frozen=True)
class Table:
    """A table of a recipe.

    Attributes:
        name: dotted.
        lines: its keys.
        repeated: whether it is one of a list of tables.
    """

    name: str
    lines: tuple[Line, ...]
    repeated: bool = False


def recipe_text(description: str, header: Sequence[tuple[str, str]], tables: Sequence[Table]) -> str:
    """Return the text of a recipe.

    Args:
        description: what it trains, in a sentence.
        header: labels and texts of the comment below it.
        tables: in their order.
    """
    width = max(len(label) for label, _ in header) + 2
    comment = [line for label, text in header for line in _entry(f"{label + ':':{width}}", text)]
    parts = ["\n".join([_pair("description", description), "", *comment])]
    for table in tables:
        name = f"[[{table.name}]]" if table.repeated else f"[{table.name}]"
        parts.append("\n".join([name, *map(_line, table.lines)]))
    return "\n\n".join(parts) + "\n"


def _entry(label: str, text: str) -> list[str]:
    """Return the lines of an entry of the header, the text beside its label and below it."""
    lines = textwrap.wrap(printable(text), WIDTH - len(label) - 2, break_long_words=False) or [""]
    return [
        f"# {start}{line}"
        for start, line in zip([label, *[" " * len(label)] * len(lines)], lines, strict=False)
    ]


def _line(line: Line) -> str:
    pair = _pair(line.key, line.value)
    if line.advised:
        pair = f"# {pair}"
    if not line.why:
        return pair
    on_one = f"{pair:{COLUMN}} {_comment(line.why)}"
    return on_one if len(on_one) <= WIDTH else f"{_comment(line.why)}\n{pair}"


def _comment(text: str) -> str:
    return f"# {printable(text)}"


def _pair(key: str, value: Any) -> str:
    """Return "key = value" on one line; lists too, which tomli_w writes on several."""
    if isinstance(value, list):
        return f"{key} = [{', '.join(_pair('x', each).removeprefix('x = ') for each in value)}]"
    if isinstance(value, dict):
        inner = ", ".join(_pair(name, each) for name, each in value.items())
        return f"{key} = {{ {inner} }}" if inner else f"{key} = {{}}"
    return tomli_w.dumps({key: value}).strip()
