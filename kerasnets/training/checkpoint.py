"""Checkpoints: numbers with expected names, shapes and dtypes, whole or not there at all."""

import numpy as np

from kerasnets.arrays import read_arrays
from kerasnets.errors import UserError
from kerasnets.files import whole_file


def save_checkpoint(path, model):
    """Write all of a compiled model's and its optimizer's variables.

    Args:
        path: the .npz file.
        model: a compiled `keras.Model`.
    """
    with whole_file(path) as temporary:
        np.savez(temporary, **{name: v.numpy() for name, v in _variables(model).items()})


def restore_checkpoint(path, model):
    """Give a compiled model and its built optimizer the values of a checkpoint.

    Raises:
        UserError: the file is damaged, or holds other names, shapes or dtypes than the model has.
    """
    variables = _variables(model)
    values = read_arrays(path)
    differing = sorted(set(values) ^ set(variables))
    if differing:
        raise UserError(f"{path}: {differing[0]} is not in both the checkpoint and the model of its recipe")
    for name, variable in variables.items():
        found, allowed = values[name], np.asarray(variable.numpy())
        if found.shape != allowed.shape or found.dtype != allowed.dtype:
            raise UserError(
                f"{path}: {name}: found {found.dtype} {found.shape}, allowed: {allowed.dtype} {allowed.shape}"
            )
        variable.assign(values[name])


def _variables(model):
    """Return what a run depends on by name: weights, seed states and the optimizer's slots, no metrics."""
    metrics = {id(variable) for metric in model.metrics for variable in metric.variables}
    named = {f"model/{v.path}": v for v in model.variables if id(v) not in metrics}
    return named | {f"optimizer/{v.path}": v for v in model.optimizer.variables}
