"""Where a step that was not finite first went wrong: an image, a weight, a layer's output, a gradient."""

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from kerasnets.training.fit.objective import Objective
from kerasnets.training.fit.train_step import Batch


def find_cause(model: keras.Model, objective: Objective, batch: Batch) -> str:
    """Return in words what is not finite first, on the way through a step.

    Args:
        model: with its weights as they were before the step.
        objective: what the step minimizes.
        batch: of the step.
    """
    images = batch[0]
    rows = _broken_rows(images)
    if len(rows):
        return f"the images at {listed(rows)} of the batch"
    for variable in model.variables:
        if variable.dtype.startswith("float") and not np.isfinite(variable.numpy()).all():
            return f"the weights {variable.path}"
    layers = [layer for layer in model.layers if layer.output is not model.inputs[0]]
    outputs = keras.Model(model.inputs[0], [layer.output for layer in layers])(images, training=False)
    for layer, output in zip(layers, outputs, strict=True):
        rows = _broken_rows(output)
        if len(rows):
            return f"the output of layer {layer.name}, of the images at {listed(rows)} of the batch"
    return _in_losses_and_gradients(model, objective, batch)


def _in_losses_and_gradients(model: keras.Model, objective: Objective, batch: Batch) -> str:
    images, labels, weights = keras.utils.unpack_x_y_sample_weight(batch)
    variables = model.trainable_variables
    with tf.GradientTape() as tape:
        outputs = tf.nest.flatten(model(images, training=False))
        weighted, by = objective.class_weighted(labels, weights)
        losses = objective.losses(weighted, outputs, by)
        loss = tf.reduce_mean(losses)
    rows = _broken_rows(losses)
    if len(rows):
        return f"the losses of the images at {listed(rows)} of the batch"
    if not np.isfinite(tf.reduce_sum(losses)):
        return "the sum of the batch's losses, too large for float32"
    gradients = tape.gradient(loss, variables, unconnected_gradients="zero")
    # backwards: what is nearest to the loss breaks first
    for variable, gradient in reversed(list(zip(variables, gradients, strict=True))):
        if not np.isfinite(gradient).all():
            return f"the gradient of {variable.path}"
        if not np.isfinite(tf.nn.l2_loss(gradient)):
            return f"the norm of the gradient of {variable.path}, too large for float32"
    if not np.isfinite(tf.linalg.global_norm(gradients) ** 2):
        return "the norm of all gradients together, too large for float32"
    return "nothing in inference: what only the masks of dropout or the batch's own statistics make so large"


def _broken_rows(tensor: tf.Tensor) -> np.ndarray:
    """Return the indices of the examples with a number that is not finite."""
    values = np.asarray(tf.cast(tensor, tf.float32))
    return np.flatnonzero(~np.isfinite(values.reshape(len(values), -1)).all(axis=1))


def listed(numbers: Sequence[int] | np.ndarray, *, most: int = 5) -> str:
    """Return numbers in words, the first `most` of them by themselves."""
    listed = ", ".join(map(str, numbers[:most]))
    return listed + (f" and {len(numbers) - most} more" if len(numbers) > most else "")
