"""A classifier made fully convolutional: one application gives a map of scores over an image of any size.

Simonyan, Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", ICLR 2015, section
3.2, after Sermanet et al., OverFeat, 2014: "the first FC layer to a 7 × 7 conv. layer, the last two FC layers
to 1 × 1 conv. layers".
"""

import keras
from keras import layers

from kerasnets.errors import UserError
from kerasnets.layers.label_tree import LabelTree
from kerasnets.models.lenet_1998 import RadialBasis

Window = tuple[int, int]
"""Height and width of a map, in places."""

POOLS = {
    layers.GlobalAveragePooling2D: layers.AveragePooling2D,
    layers.GlobalMaxPooling2D: layers.MaxPooling2D,
}
HEAD = (layers.Dense, layers.Dropout, layers.Activation, layers.ReLU, layers.Flatten, RadialBasis, LabelTree)
"""What may follow once the last map has become a vector."""


def fully_convolutional(network: keras.Model) -> keras.Model:
    """Return a network as a convolution over images of any size, with a copy of its weights.

    A dense layer behind Flatten becomes a convolution whose kernel has the size of the flattened map, later
    dense layers 1x1 convolutions; global pooling becomes pooling over windows of the training map's size, at
    stride 1. Paddings stay those of the training size. Layers keep their names.

    Args:
        network: functional model from images (N, height, width, C) to scores (N, classes).

    Returns:
        Functional model from images (N, h, w, C), at least as large as the training images, to
        score maps (N, rows, columns, classes): one by one at the training size, where it is the network's
        scores. Where no layer pads, entry (i, j) is the network applied to the window that starts at
        (i, j) times the product of the strides.

    Raises:
        UserError: a layer acts on vectors in a way that has no counterpart on maps.
    """
    windows = _windows(network)
    images = keras.Input((None, None, network.input_shape[-1]), dtype=network.input.dtype, name="images")
    converted = keras.models.clone_model(
        network, images, clone_function=lambda layer: _converted(layer, windows.get(layer.name))
    )
    for layer in network.layers:
        if layer.weights:
            counterpart = converted.get_layer(layer.name)
            arrays = zip(layer.get_weights(), counterpart.weights, strict=True)
            counterpart.set_weights([array.reshape(weight.shape) for array, weight in arrays])
    return converted


def _windows(network: keras.Model) -> dict[str, Window]:
    """Return, by name of each layer of the head, the size of the map it acts on in training."""
    if len(network.inputs) != 1 or len(network.outputs) != 1:
        raise UserError(
            f"{network.name}: found {len(network.inputs)} inputs and {len(network.outputs)} outputs, "
            "allowed: one of each"
        )
    windows: dict[str, Window] = {}
    vectors: dict[int, Window] = {}  # by identity of a vector's tensor, the map it was flattened from
    for layer in network.layers:
        if isinstance(layer, layers.InputLayer):
            continue
        inputs, output = keras.tree.flatten(layer.input), layer.output
        window = next((vectors[id(tensor)] for tensor in inputs if id(tensor) in vectors), None)
        if window is None and isinstance(layer, (layers.Flatten, *POOLS)):
            window = tuple(inputs[0].shape[1:3])
        elif window is None and len(output.shape) == 4 and not isinstance(layer, keras.Model):
            continue
        elif window is None or not _acts_alike_everywhere(layer, window):
            raise UserError(
                f"{network.name}: layer {layer.name} ({type(layer).__name__}) has no fully convolutional "
                "form, allowed: a head of Flatten or global pooling, then Dense, Dropout and activations"
            )
        windows[layer.name] = window
        vectors[id(output)] = window if isinstance(layer, (layers.Flatten, layers.Dropout)) else (1, 1)
    if vectors.get(id(network.outputs[0])) != (1, 1):
        raise UserError(f"{network.name}: found no head, allowed: a network from images to scores of classes")
    return windows


def _acts_alike_everywhere(layer: keras.layers.Layer, window: Window) -> bool:
    """Whether a layer of the head can act on each place of a map by itself."""
    # before a flattened map's dense layer, what mixes its values, as softmax does, would mix places
    allowed = HEAD if window == (1, 1) else (layers.Dense, layers.Dropout)
    return isinstance(layer, allowed)


def _converted(layer: keras.layers.Layer, window: Window | None) -> keras.layers.Layer:
    """Return a new layer: the counterpart of a layer of the head, or the same kind of layer elsewhere."""
    if window is None:
        return layer.__class__.from_config(layer.get_config())
    named = {"name": layer.name, "dtype": layer.dtype_policy}
    if type(layer) in POOLS:
        return POOLS[type(layer)](window, strides=1, **named)
    if isinstance(layer, layers.Flatten):
        return layers.Identity(**named)
    if isinstance(layer, layers.Dense):
        return layers.Conv2D(
            layer.units,
            window,
            activation=layer.activation,
            use_bias=layer.use_bias,
            kernel_initializer="zeros",
            **named,
        )
    return layer.__class__.from_config(layer.get_config())
