"""TOML files and values: read as editors save them, with bounds on depth and on integers."""

import os
import tomllib
from typing import Any

from kerasnets.errors import UserError, shortened
from kerasnets.files.user_files import read_text

MAX_DEPTH = 16
"""Levels of tables and lists within each other; a recipe's schema has six."""


def read_toml(path: str | os.PathLike[str], what: str = "file") -> dict[str, Any]:
    """Return the tables of a TOML file, in UTF-8 or in an encoding that a byte-order mark names.

    Args:
        path: the file.
        what: what it is called in messages.

    Raises:
        UserError: no regular file, no text, no TOML, nested too deep or an integer beyond 64 bits.
    """
    try:
        tables = parse_toml(read_text(path, what), path)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{path}: not readable as TOML: {shortened(str(error), 200)}") from error
    check_bounds(tables, path)
    return tables


def parse_toml(text: str, origin: object) -> dict[str, Any]:
    """Return the tables of TOML text.

    Args:
        text: the TOML.
        origin: where it comes from, for messages.

    Raises:
        tomllib.TOMLDecodeError: it is not TOML.
        UserError: it is more than Python can take.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise
    except RecursionError:
        raise UserError(
            f"{origin}: found tables or lists nested too deep, allowed: {MAX_DEPTH} levels"
        ) from None
    except ValueError:  # Python's limit on the digits of an integer
        raise UserError(f"{origin}: found an integer of thousands of digits, allowed: 64 bits") from None


def check_bounds(tables: dict[str, Any], origin: object) -> None:
    """Raise UserError for tables nested deeper than `MAX_DEPTH`, and for an integer beyond 64 bits."""
    waiting: list[tuple[str, Any, int]] = [("", tables, 0)]
    while waiting:
        key, value, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise UserError(
                f"{origin}: {shortened(key)}: found tables or lists nested too deep, "
                f"allowed: {MAX_DEPTH} levels"
            )
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise UserError(f"{origin}: {shortened(key)}: found an integer beyond 64 bits, allowed: 64 bits")
        items = value.items() if isinstance(value, dict) else enumerate(value) if type(value) is list else ()
        waiting += [(f"{key}.{name}" if key else str(name), inner, depth + 1) for name, inner in items]
