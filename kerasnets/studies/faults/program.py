"""What a small program is: a model, its data and how it is trained, once with a fault and once without."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from kerasnets.diagnosis.names import FAULTS


@dataclass(frozen=True, kw_only=True)
class Data:
    """Arrays of a training.

    Attributes:
        x: inputs, the first axis counts examples.
        y: labels.
        validation: inputs and labels to validate on, or None.
    """

    x: np.ndarray
    y: np.ndarray
    validation: tuple[np.ndarray, np.ndarray] | None = None


@dataclass(frozen=True, kw_only=True)
class Training:
    """What a program trains.

    Attributes:
        model: compiled.
        data: what it is trained on.
        epochs: how often.
        batch_size: examples in a step.
        options: further arguments of `fit`.
    """

    model: keras.Model
    data: Data
    epochs: int
    batch_size: int = 32
    options: dict[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class Program:
    """A program with a fault, and its corrected twin.

    Attributes:
        name: short, of the fault.
        fault: what is wrong, for readers.
        source: who had it: the public set, and the question on Stack Overflow or the project.
        expected: the faults of `FAULTS` by any of which it is rightly named.
        build: given whether with the fault, returns the training.
        held_out: whether no rule was tuned on it.
    """

    name: str
    fault: str
    source: str
    expected: tuple[str, ...]
    build: Callable[[bool], Training]
    held_out: bool = False


PROGRAMS: dict[str, Program] = {}
"""All programs by name, in the order in which their modules are imported."""

Build = Callable[[bool], Training]


def program(fault: str, *, source: str, expected: str, held_out: bool = False) -> Callable[[Build], Build]:
    """Return a decorator that enters a function into `PROGRAMS` under its own name.

    Args:
        fault: what is wrong.
        source: who had it.
        expected: names of `FAULTS`, separated by spaces.
        held_out: whether no rule was tuned on it.
    """

    def enter(build: Build) -> Build:
        names = tuple(expected.split())
        unknown = [name for name in names if name not in FAULTS]
        assert not unknown, f"{build.__name__} expects {unknown}"
        PROGRAMS[build.__name__] = Program(
            name=build.__name__,
            fault=fault,
            source=source,
            expected=names,
            build=build,
            held_out=held_out,
        )
        return build

    return enter
