"""Where a step that was not finite went wrong first: an image, a weight, a layer's output, a gradient."""

import keras
import numpy as np
import tensorflow as tf

from kerasnets.data.pipeline.order import training_order


def find_cause(model, batch):
    """Return in words what is not finite first, on the way through a step.

    Args:
        model: the `Trainer`, its weights as they were before the step.
        batch: images, labels and, where examples are weighted, weights.
    """
    images, labels, weights = keras.utils.unpack_x_y_sample_weight(batch)
    rows = _broken_rows(images)
    if len(rows):
        return f"the images at {_listed(rows)} of the batch"
    for variable in model.variables:
        if variable.dtype.startswith("float") and not np.isfinite(variable.numpy()).all():
            return f"the weights {variable.path}"
    layers = [layer for layer in model.layers if layer.output is not model.inputs[0]]
    outputs = keras.Model(model.inputs[0], [layer.output for layer in layers])(images, training=False)
    for layer, output in zip(layers, outputs, strict=True):
        rows = _broken_rows(output)
        if len(rows):
            return f"the output of layer {layer.name}, of the images at {_listed(rows)} of the batch"
    return _in_backward_pass(model, images, labels, weights)


def describe_divergence(inputs, model, diverged):
    """Return where a run diverged: step, cause, and which images were in the batch.

    Args:
        inputs: the `TrainingInputs`.
        model: the `Trainer`.
        diverged: the `DivergedError`.
    """
    where = diverged.epoch, diverged.step
    batch = next(iter(inputs.training_batches(*where)))
    order = training_order(len(inputs.dataset.train), inputs.plan.starting_at(*where))
    images = next(iter(order))[2].numpy()
    skipped = f"{model.max_bad_steps} steps in a row were not finite"
    held = f"the batch holds training images {_listed(images, 8)}"
    return f"{skipped}; the first that is not: {find_cause(model, batch)}; {held}"


def _in_backward_pass(model, images, labels, weights):
    variables = model.trainable_variables
    with tf.GradientTape() as tape:
        outputs = tf.nest.flatten(model(images, training=False))
        weighted, by = model.objective.class_weighted(labels, weights)
        losses = model.objective.losses(weighted, outputs, by)
        loss = tf.reduce_mean(losses)
    rows = _broken_rows(losses)
    if len(rows):
        return f"the losses of the images at {_listed(rows)} of the batch"
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


def _broken_rows(tensor):
    values = np.asarray(tf.cast(tensor, tf.float32))
    return np.flatnonzero(~np.isfinite(values.reshape(len(values), -1)).all(axis=1))


def _listed(numbers, most=5):
    said = ", ".join(map(str, numbers[:most]))
    return said + (f" and {len(numbers) - most} more" if len(numbers) > most else "")
