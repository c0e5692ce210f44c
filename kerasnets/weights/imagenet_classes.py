"""Which output of ImageNet's networks is which class: the standard index, wnids in order."""

import csv
import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from kerasnets.errors import UserError, nearest, printable

OUTPUTS = 1000
"""Classes of ImageNet's classification challenge, ILSVRC 2012."""

WNID = r"(n\d{8})(?!\d)"
"""An identifier of WordNet 3.0 at the start of a name: "n01440764", "n01440764_tench"."""


@cache
def imagenet_classes() -> tuple[tuple[str, str], ...]:
    """Return (wnid, name) of each class in the order of the outputs. Three names are those of two classes."""
    text = files(__package__).joinpath("imagenet_classes.csv").read_text(encoding="utf-8")
    return tuple((row["wnid"], row["name"]) for row in csv.DictReader(text.splitlines()))


def imagenet_outputs(names: Sequence[str], *, numbers: bool) -> list[int]:
    """Return which output stands for each of some classes.

    Args:
        names: a class each: a wnid, or a name that begins with one; the class's name; or its output.
        numbers: whether names that are integers below `OUTPUTS` are outputs.

    Raises:
        UserError: a name is no class of ImageNet's, or stands for two.
    """
    return [_output(name, numbers=numbers) for name in names]


def _output(name: str, *, numbers: bool) -> int:
    if numbers and re.fullmatch(r"\d{1,3}", name):
        return int(name)
    wnid = re.match(WNID, name)
    key = wnid[1] if wnid else _plain(name)
    found = [output for output, (each, text) in enumerate(imagenet_classes()) if key in (each, _plain(text))]
    if len(found) == 1:
        return found[0]
    if found:
        both = " and ".join(imagenet_classes()[output][0] for output in found)
        raise UserError(f"class {printable(name)!r}: found two classes of that name, allowed: {both}")
    known = [text for _, text in imagenet_classes()]
    raise UserError(
        f"class {printable(name)!r}: found none of that name among ImageNet's, allowed: a wnid such as "
        f"n01440764, a name such as tench, or an output, 0 to {OUTPUTS - 1}{nearest(name, known)}"
    )


def _plain(name: str) -> str:
    """Return a name with spaces where it has underscores."""
    return name.replace("_", " ").strip()
