"""Checkpoints: numbers with expected names, shapes and dtypes, whole or not there at all.

One .npz file holds the arrays, the state of the callbacks as JSON text (`state`), and a SHA-256 of it all.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from kerasnets.errors import UserError
from kerasnets.files.arrays import read_arrays, write_arrays
from kerasnets.optimizers import named_slots
from kerasnets.training.fit.dropout_seeds import dropout_seeds
from kerasnets.training.fit.trainer import Trainer

STATE, CHECKSUM = "state", "sha256"


def capture(trainer: Trainer) -> dict[str, np.ndarray]:
    """Return copies of all numbers that a run depends on, by name."""
    return {name: np.array(variable.numpy()) for name, variable in _variables(trainer).items()}


def not_finite(arrays: dict[str, np.ndarray]) -> str | None:
    """Return the name of the first array that holds a number that is not finite, or None."""
    for name, array in arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            return name
    return None


def write_checkpoint(path: Path, arrays: dict[str, np.ndarray], state: dict[str, Any]) -> None:
    """Write what `capture` gave, and the state of the callbacks, to an .npz file."""
    arrays = arrays | {STATE: np.frombuffer(json.dumps(state).encode(), "uint8")}
    arrays[CHECKSUM] = _checksum(arrays)
    write_arrays(path, arrays)


def read_checkpoint(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return the arrays and the state that `write_checkpoint` wrote.

    Raises:
        UserError: no such file, or it is not what was written.
    """
    arrays = read_arrays(path)
    checksum = arrays.pop(CHECKSUM, None)
    if checksum is None or STATE not in arrays:
        raise UserError(f"{path}: not a checkpoint of kerasnets: it has no checksum")
    if not np.array_equal(checksum, _checksum(arrays)):
        raise UserError(f"{path}: damaged: its SHA-256 is not the one written with it")
    return arrays, json.loads(arrays.pop(STATE).tobytes())


def restore(path: Path | str, trainer: Trainer, arrays: dict[str, np.ndarray]) -> None:
    """Give a trainer's model, optimizer and step state the values of a checkpoint.

    Args:
        path: the file, for messages.
        trainer: gets the values.
        arrays: as `read_checkpoint` gives them.

    Raises:
        UserError: there are other names, shapes or dtypes than the model has; nothing is changed then.
    """
    variables = _variables(trainer)
    differing = sorted(set(arrays) ^ set(variables))
    if differing:
        raise UserError(f"{path}: {differing[0]} is not in both the checkpoint and the model of its recipe")
    for name, variable in variables.items():
        found, allowed = arrays[name], variable.numpy()
        if found.shape != allowed.shape or found.dtype != allowed.dtype:
            raise UserError(
                f"{path}: {name}: found {found.dtype} {found.shape}, allowed: {allowed.dtype} {allowed.shape}"
            )
    for name, variable in variables.items():
        variable.assign(arrays[name])


def _variables(trainer: Trainer) -> dict[str, Any]:
    """Return the variables, of Keras or TensorFlow, by the names that a checkpoint has for them."""
    model, optimizer = trainer.model, trainer.optimizer
    # the seeds of dropout are set anew at each step, and Keras numbers their names through a whole process
    seeds = {id(generator.state) for generator, _ in dropout_seeds(model, 0)}
    own = [v for v in model.variables if id(v) not in seeds]
    named = {f"model/{v.path}": v for v in own}
    named |= {f"optimizer/{name}": v for name, v in named_slots(optimizer).items()}
    assert len(named) == len(own) + len(optimizer.variables), "two variables of one name"
    return named | {f"step/{name}": v for name, v in trainer.state.variables().items()}


def _checksum(arrays: dict[str, np.ndarray]) -> np.ndarray:
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.reshape(-1).view("uint8").data)
    return np.frombuffer(digest.digest(), "uint8")
