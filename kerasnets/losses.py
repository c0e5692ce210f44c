"""Losses by name: from one-hot labels (N, classes) and logits (N, classes) to one number an example."""

import keras


def example_loss(name, label_smoothing=0.0):
    """Return a function (labels, logits) -> losses of shape (N,).

    Args:
        name: "categorical_crossentropy" (softmax) or "categorical_hinge".
        label_smoothing: mass taken from the right class and spread over all (Szegedy 2016, section 7);
            cross-entropy only.
    """
    if name == "categorical_crossentropy":
        return keras.losses.CategoricalCrossentropy(
            from_logits=True, label_smoothing=label_smoothing, reduction=None
        )
    return keras.losses.CategoricalHinge(reduction=None)
