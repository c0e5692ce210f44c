"""Optimizers by Keras name, weight decay of both kinds, and the learning rate as a function of the step."""

import math

import keras

from kerasnets.initialization import NORMALIZATION


def make_optimizer(name, decoupled=0.0, spared=(), **options):
    """Return a Keras optimizer.

    Args:
        name: Keras's name, such as "sgd" or "adam".
        decoupled: weight decay that shrinks the weights themselves by rate · decay each step; 0 for none.
        spared: variables that `decoupled` leaves alone.
        **options: arguments of that optimizer.
    """
    # the name goes into the paths of the slots, by which a checkpoint knows them
    config = options | {"weight_decay": decoupled or None, "name": name}
    optimizer = keras.optimizers.get({"class_name": name, "config": config})
    if decoupled and spared:
        optimizer.exclude_from_weight_decay(var_list=list(spared))
    return optimizer


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


def rate_factor(step, steps_per_epoch, epochs, schedule):
    """Return the factor on the base learning rate for one step.

    Args:
        step: optimizer steps done before it, from 0.
        steps_per_epoch: steps in an epoch.
        epochs: epochs in the run.
        schedule: table with `name` ("constant", "step", "cosine"), `warmup_epochs` and that schedule's
            own keys.

    Returns:
        A float in [0, 1]. During warm-up it rises linearly to 1; the schedule then runs over the rest.
    """
    warmup = round(schedule["warmup_epochs"] * steps_per_epoch)
    if step < warmup:
        return (step + 1) / warmup
    if schedule["name"] == "step":
        drops = sum(step >= epoch * steps_per_epoch for epoch in schedule["epochs"])
        return schedule["factor"] ** drops
    if schedule["name"] == "cosine":
        progress = (step - warmup) / max(1, epochs * steps_per_epoch - warmup)
        return schedule["final"] + (1 - schedule["final"]) * (1 + math.cos(math.pi * progress)) / 2
    return 1.0
