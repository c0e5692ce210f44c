"""What commands print: with colour and lines on a terminal, plain text for pipes and files."""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from kerasnets import terminal
from kerasnets.errors import printable

if TYPE_CHECKING:
    import pandas as pd

    from kerasnets.diagnosis.trials.report import Outcome

Formats = Mapping[str, Callable[[Any], str]]

MAX_ROWS = 1000
"""Rows of a table that is drawn with rich, which lays out all of them before it prints the first."""


def print_table(
    table: "pd.DataFrame",
    *,
    plain: str,
    formats: Formats | None = None,
    numbers: str = "{:.4f}",
    right: Iterable[str] | None = None,
) -> None:
    """Print a table; names of files and classes in it in printable characters.

    Args:
        table: DataFrame; its index is not printed.
        plain: the table as text, for where the output is no terminal, or one too narrow.
        formats: for some columns, a function from a value to its text.
        numbers: format of the other columns' floats.
        right: columns that are set to the right; by default those of numbers.
    """
    names = {column: printable for column in table if table[column].dtype.kind not in "fiu"}
    formats = names | dict(formats or {})
    if (
        not terminal.is_terminal(sys.stdout)
        or len(table) > MAX_ROWS
        or not _drawn(
            {column: _texts(table[column], formats.get(column), numbers) for column in table},
            set(table.columns) - set(names) if right is None else set(right),
        )
    ):
        print(plain)


def print_listing(listing: Mapping[str, Mapping[str, tuple[str, ...]]]) -> None:
    """Print names by kind, for instance of recipes, each with what there is to say about it.

    Args:
        listing: for each kind the texts by name.
    """
    for kind, entries in listing.items():
        texts_each = max(map(len, entries.values()), default=0)
        columns = [kind, *("what it is", "result")[:texts_each]]
        rows = list(zip(*((name, *texts) for name, texts in entries.items()), strict=True))
        texts = {column: list(map(str, row)) for column, row in zip(columns, rows, strict=True)}
        if terminal.is_terminal(sys.stdout) and _drawn(texts, set(), fold=True):
            continue
        print(f"{kind}:")
        for name, about in entries.items():
            print("  ".join(["", name, *filter(None, about)]))


def _texts(column: "pd.Series", formatted: Callable[[Any], str] | None, numbers: str) -> list[str]:
    if formatted:
        return [formatted(value) for value in column]
    return [numbers.format(value) if isinstance(value, float) else str(value) for value in column]


def _drawn(texts: Mapping[str, Sequence[str]], right: set[str], *, fold: bool = False) -> bool:
    """Draw a table on the terminal; return whether it fitted.

    Args:
        texts: cells by column.
        right: columns that are set to the right.
        fold: whether cells may take several lines, so that any table fits.
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    table = Table(box=SIMPLE_HEAD, header_style="bold")
    for place, column in enumerate(texts):
        justify: Literal["left", "right"] = "right" if column in right else "left"
        table.add_column(Text(column), justify=justify, no_wrap=not fold or not place)
    for row in zip(*texts.values(), strict=True):
        table.add_row(*map(Text, row))
    unbounded = console.options.update(max_width=sys.maxsize)
    fits = fold or console.measure(table, options=unbounded).maximum <= console.width
    if fits:
        console.print(table)
    return fits


def print_checks(outcomes: "Sequence[Outcome]") -> None:
    """Print what checks came to, a line each; on a terminal as a table whose cells may take several lines."""
    rows = [(each.check, each.state, each.text) for each in outcomes]
    if terminal.is_terminal(sys.stdout):
        columns = zip(("check", "", "what was seen"), zip(*rows, strict=True), strict=True)
        _drawn(dict(columns), set(), fold=True)
        return
    width = max(len(name) for name, _, _ in rows)
    for name, state, text in rows:
        print(f"{name:{width}}  {state:8}  {printable(text)}".rstrip())


def print_path(label: str, path: object) -> None:
    """Print where something was written: "report: runs/first/report.html"."""
    print(f"{terminal.styled(f'{label}:', terminal.TITLE)} {path}")


def progress_counter(done_so_far: str) -> Callable[..., None]:
    """Return a function (done, total) that shows on a terminal how far a long command is.

    Args:
        done_so_far: what is counted, for instance "inspected".
    """

    def show(done: int, total: int, *_: int) -> None:
        if not terminal.is_terminal(sys.stderr):
            return
        bar = terminal.bar(done / max(1, total), sys.stderr)
        end = "\n" if done == total else ""
        print(f"\r{done_so_far} {done:,} of {total:,} {bar}", end=end, file=sys.stderr, flush=True)

    return show


def show_part(done: int, total: int, part: str) -> None:
    """Show how far a study is: in the line that changes on a terminal, elsewhere a line a part.

    Args:
        done: parts that are finished.
        total: all parts.
        part: name of the part that begins; empty at the end.
    """
    if not part:
        terminal.clear()
    elif terminal.is_terminal(sys.stdout):
        terminal.show(f"{part} … {done:,} of {total:,}", done / total)
    else:
        terminal.say(f"{done + 1:,} of {total:,}: {part}")
