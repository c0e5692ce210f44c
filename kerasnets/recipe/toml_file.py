"""TOML as recipes have it: read from files as people save them, and bounded in depth and in numbers."""

import tomllib

from kerasnets.errors import UserError
from kerasnets.files.user_files import read_text
from kerasnets.recipe.error_messages import shortened

DEEPEST = 16
"""Tables within tables that a recipe may have; the schema has six."""


def read_toml(path):
    """Return the tables of a TOML file, in UTF-8 or with another byte-order mark.

    Raises:
        UserError: no regular file, no text, no TOML, tables too deep or an integer beyond 64 bits.
    """
    try:
        tables = parsed(read_text(path, "recipe file"), path)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{path}: not readable as TOML: {shortened(str(error), 200)}") from error
    check_bounds(tables, path)
    return tables


def parsed(text, origin):
    """Return the tables of TOML text; `origin` is for messages.

    Raises:
        tomllib.TOMLDecodeError: it is no TOML.
        UserError: it is more than Python can take.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise
    except RecursionError:
        raise UserError(
            f"{origin}: found tables or lists nested too deep, allowed: {DEEPEST} levels"
        ) from None
    except ValueError:  # Python's limit on the digits of an integer
        raise UserError(f"{origin}: found an integer of thousands of digits, allowed: 64 bits") from None


def check_bounds(tables, origin):
    """Refuse tables that are nested deeper than `DEEPEST`, or hold an integer beyond 64 bits."""
    waiting = [("", tables, 0)]
    while waiting:
        key, value, depth = waiting.pop()
        if depth > DEEPEST:
            raise UserError(
                f"{origin}: {shortened(key)}: found tables or lists nested too deep, "
                f"allowed: {DEEPEST} levels"
            )
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise UserError(f"{origin}: {shortened(key)}: found an integer beyond 64 bits, allowed: 64 bits")
        items = value.items() if isinstance(value, dict) else enumerate(value) if type(value) is list else ()
        waiting += [(f"{key}.{name}" if key else str(name), inner, depth + 1) for name, inner in items]
