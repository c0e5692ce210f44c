"""What people write: volumes, options and numbers of bytes. Loads nothing."""

import re
import tomllib

from kerasnets.errors import UserError

UNITS = {
    "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40,
}  # fmt: skip


def parse_volume(text):
    """Return (height, width, channels) of "HEIGHTxWIDTHxCHANNELS"."""
    match = re.fullmatch(r"(\d+)x(\d+)x(\d+)", text)
    if not match or 0 in map(int, match.groups()):
        raise UserError(f"{text}: not a volume, allowed: HEIGHTxWIDTHxCHANNELS, for instance 32x32x3")
    return tuple(map(int, match.groups()))


def parse_option(text):
    """Return key and value of "key=value"; a value is TOML, or else a plain string."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise UserError(f"--option {text}: allowed: key=value, for instance depth=20")
    try:
        return key.strip(), tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return key.strip(), value.strip()


def parse_bytes(text):
    """Return the number of bytes of "8GiB" (2^30 each), "8GB" (10^9 each) or "512 MiB"."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([A-Za-z]+)", text.strip())
    if not match or match[2].upper() not in UNITS:
        raise UserError(
            f"{text}: not an amount of memory, allowed: a number and a unit, for instance 8GiB, 512MB"
        )
    return int(float(match[1]) * UNITS[match[2].upper()])
