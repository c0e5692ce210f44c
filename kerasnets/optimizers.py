"""Optimizers by Keras name, and which weights decay."""

from collections import Counter

import keras

from kerasnets.initializers import NORMALIZATION

OPTIMIZERS = {
    kind.__name__.lower(): kind
    for kind in (
        keras.optimizers.SGD, keras.optimizers.RMSprop, keras.optimizers.Adagrad, keras.optimizers.Adadelta,
        keras.optimizers.Adam, keras.optimizers.AdamW, keras.optimizers.Adamax, keras.optimizers.Nadam,
        keras.optimizers.Adafactor, keras.optimizers.Ftrl, keras.optimizers.Lion, keras.optimizers.Lamb,
    )
}  # fmt: skip
"""Name to class; `keras.optimizers.get` does not know them all."""


def make_optimizer(name, decoupled=0.0, spared=(), **options):
    """Return a Keras optimizer.

    Args:
        name: a key of `OPTIMIZERS`.
        decoupled: weight decay that shrinks the weights themselves by rate · decay each step; 0 for none.
        spared: variables that `decoupled` leaves alone.
        **options: arguments of that optimizer.
    """
    decay = decoupled if decoupled or name == "adamw" else None  # that one takes no None
    # the name goes into the paths of the slots, by which a checkpoint knows them
    optimizer = OPTIMIZERS[name](**options, weight_decay=decay, name=name)
    if decoupled and spared:
        optimizer.exclude_from_weight_decay(var_list=list(spared))
    return optimizer


def named_slots(optimizer):
    """Return the variables of a built optimizer by names that are unique, and the same in every process.

    Keras's paths, but where these are not: Adafactor's rows and columns of a kernel have one path, and
    Nadam's product has a running number.
    """
    named, seen = {}, Counter()
    for variable in optimizer.variables:
        path = variable.path if "/" in variable.path else f"{optimizer.name}/own"
        named[f"{path}#{seen[path]}" if seen[path] else path] = variable
        seen[path] += 1
    return named


def decayed_variables(model, biases=False, normalization=False):
    """Return the trainable variables that weight decay acts on.

    Args:
        model: a built `keras.Model`.
        biases: decay the biases too.
        normalization: decay the scales and shifts of normalization layers too.
    """
    chosen = []
    for layer in model.layers:
        if isinstance(layer, NORMALIZATION):
            chosen += layer.trainable_variables if normalization else []
        else:
            chosen += [v for v in layer.trainable_variables if biases or v.name != "bias"]
    return chosen
