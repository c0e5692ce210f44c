"""State dicts drawn as the references' were, in the names that others give."""

import numpy as np
from seeded import seeded_tensor

from kerasnets.weights.loading import FittingWeights, matched
from kerasnets.weights.naming.conventions import conventions


def drawn_state(model, source=""):
    """Return a state dict in the names of `source`, drawn as the reference's was."""
    convention = next(each for each in conventions(model.name) if source in each.source)
    state = {}
    for name, (_, variable) in convention.tensors(model).items():
        shape = tuple(variable.shape)
        orders = {4: (3, 2, 0, 1), 2: (1, 0), 1: (0,)}  # PyTorch's (outputs, inputs, height, width)
        state[name] = seeded_tensor(name, tuple(shape[axis] for axis in orders[len(shape)]))
    return state


def assign_state(model, state, origin, **options):
    """Give a network the weights of a state dict, as those of a file."""
    convention, arrays = matched(model, state, origin, **options)
    FittingWeights(convention, arrays, convention.values, origin).assign(model)


def relative_difference(found, right):
    return np.abs(found - right).max() / np.abs(right).max()
