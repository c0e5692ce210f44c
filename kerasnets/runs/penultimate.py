"""A network's penultimate activations: the features of an image that its last layer tells the classes by."""

import keras
from keras import ops


def with_features(network: keras.Model) -> keras.Model:
    """Return a network that gives its features beside its outputs; both share their layers and weights.

    Features are what the last layer with weights reads; of maps the mean over all places.

    Args:
        network: a functional model of one input, to logits.

    Returns:
        A model of the same input to the outputs (N, classes) and the features (N, numbers).
    """
    features = [layer for layer in network.layers if layer.weights][-1].input
    if len(features.shape) > 2:
        features = ops.mean(features, axis=tuple(range(1, len(features.shape) - 1)))
    return keras.Model(network.inputs, [network.outputs[0], features])
