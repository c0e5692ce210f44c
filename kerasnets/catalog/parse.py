"""Values as people type them: key=value, image sizes and amounts of memory. Loads nothing heavy."""

import re
import tomllib
from typing import Any

from kerasnets.errors import UserError, shortened
from kerasnets.files.toml_file import check_bounds, parse_toml

UNITS = {
    "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40,
}  # fmt: skip
"""Bytes of each unit of memory, in upper case."""


def parse_key_value(text: str, option: str, form: str) -> tuple[str, Any]:
    """Return key and value of "key=value". The value is read as TOML; what is not TOML is plain text.

    Args:
        text: what was typed, for instance "depth=20" or "activation=relu".
        option: the option that it was given to, for messages.
        form: what is allowed, for messages, for instance "key=value, for instance depth=20".

    Raises:
        UserError: no "=", no key, or a value beyond the bounds of `kerasnets.files.toml_file`.
    """
    key, equals, value = text.partition("=")
    origin, key = f"{option} {shortened(text)}", key.strip()
    if not equals or not key:
        raise UserError(f"{origin}: allowed: {form}")
    try:
        found = parse_toml(f"value = {value}", origin)["value"]
    except tomllib.TOMLDecodeError:
        return key, value.strip()
    check_bounds({key: found}, origin)
    return key, found


def parse_option(text: str) -> tuple[str, Any]:
    """Return key and value of an architecture's `--option key=value`."""
    return parse_key_value(text, "--option", "key=value, for instance depth=20")


def parse_volume(text: str) -> tuple[int, int, int]:
    """Return (height, width, channels) of "HEIGHTxWIDTHxCHANNELS"."""
    match = re.fullmatch(r"(\d+)x(\d+)x(\d+)", text)
    if not match or 0 in map(int, match.groups()):
        raise UserError(f"{text}: not a volume, allowed: HEIGHTxWIDTHxCHANNELS, for instance 32x32x3")
    return int(match[1]), int(match[2]), int(match[3])


def parse_bytes(text: str) -> int:
    """Return the number of bytes of "8GiB" (2^30 each), "8GB" (10^9 each) or "512 MiB"."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([A-Za-z]+)", text.strip())
    if not match or match[2].upper() not in UNITS:
        raise UserError(
            f"{text}: not an amount of memory, allowed: a number and a unit, for instance 8GiB, 512MB"
        )
    return int(float(match[1]) * UNITS[match[2].upper()])
