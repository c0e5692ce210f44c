"""Which part of a search this process has, by the variables that Keras Tuner reads."""

import os
from typing import Literal

from kerasnets.errors import UserError

Role = Literal["alone", "chief", "worker"]

VARIABLES = ("KERASTUNER_TUNER_ID", "KERASTUNER_ORACLE_IP", "KERASTUNER_ORACLE_PORT")


def role() -> Role:
    """Return which part of a search this process has, by Keras Tuner's variables.

    Raises:
        UserError: some of them are missing, or the port is no number.
    """
    if VARIABLES[1] not in os.environ:
        return "alone"
    missing = [name for name in VARIABLES if not os.environ.get(name)]
    if missing:
        raise UserError(f"{missing[0]}: found none, allowed with {VARIABLES[1]}: a value for {VARIABLES}")
    port = os.environ[VARIABLES[2]]
    if not (port.isdecimal() and 0 < int(port) < 2**16):
        raise UserError(f"{VARIABLES[2]}: found {port!r}, allowed: a port, 1 to 65535")
    return "chief" if "chief" in os.environ[VARIABLES[0]] else "worker"


def worker_names(part: Role, count: int) -> list[str]:
    """Return the names of the workers of this process, by which a chief knows them.

    Args:
        part: of this process; a chief has itself alone, which trains nothing.
        count: trials that run at a time.
    """
    if part == "alone":
        return [f"worker {number + 1}" for number in range(count)]
    name = os.environ[VARIABLES[0]]
    if part == "chief" or count == 1:
        return [name]
    return [f"{name}-{number + 1}" for number in range(count)]
