"""The receptive field of each layer's units on the image."""

from typing import Any

import keras
from keras import layers

WHOLE = (layers.Flatten, layers.Dense, layers.GlobalAveragePooling2D, layers.GlobalMaxPooling2D)


def receptive_fields(model: keras.Model) -> dict[str, tuple[int, ...]]:
    """Return the receptive field of each operation of a functional model on images.

    Each layer with a window of F pixels and the product S of all strides before it adds (F - 1)·S to its
    input's field; where branches meet, the widest counts. The field is the theoretical one: with padding it
    may be larger than the image. The field of Flatten, Dense and global pooling is the image.

    Args:
        model: a functional model of one input, channels last.

    Returns:
        (height, width) in pixels of the image by operation name.

    Source: Araujo, Norris, Sim, "Computing Receptive Fields of Convolutional Neural Networks", Distill, 2019.
    """
    image = tuple(model.inputs[0].shape[1:-1])
    seen: dict[int, Any] = {}
    fields: dict[str, tuple[int, ...]] = {}
    for operation in model.operations:
        field: tuple[int, ...] = (1, 1)
        stride: tuple[int, ...] = (1, 1)
        if not isinstance(operation, layers.InputLayer):
            befores = [seen[id(tensor)] for tensor in as_list(operation.input)]
            field, stride = (tuple(map(max, zip(*each, strict=True))) for each in zip(*befores, strict=True))
            window, step = _window(operation)
            field = tuple(f + (w - 1) * s for f, w, s in zip(field, window, stride, strict=True))
            stride = tuple(s * t for s, t in zip(stride, step, strict=True))
            if isinstance(operation, WHOLE):
                field = image
        seen |= {id(tensor): (field, stride) for tensor in as_list(operation.output)}
        fields[operation.name] = field
    return fields


def as_list(tensors: Any) -> list[Any]:
    """Return one tensor or several as a list."""
    return list(tensors) if isinstance(tensors, list | tuple) else [tensors]


def _window(operation: keras.Operation) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return window and stride of one operation, (height, width) each; ones where it has no window."""
    shapes = as_list(operation.input)[0].shape, as_list(operation.output)[0].shape
    if any(len(shape) != 4 for shape in shapes):
        return (1, 1), (1, 1)
    if hasattr(operation, "pool_size"):
        return tuple(operation.pool_size), tuple(operation.strides)
    kernel = getattr(operation, "kernel", None)
    if kernel is not None:
        dilation = getattr(operation, "dilation_rate", (1, 1))
        window = (1 + (size - 1) * d for size, d in zip(kernel.shape[:2], dilation, strict=True))
        return tuple(window), tuple(getattr(operation, "strides", (1, 1)))
    # other layers that make maps smaller, such as a slice with a step or a sum of 2x2 neighbours
    factors = tuple(
        max(1, before // after) for before, after in zip(shapes[0][1:3], shapes[1][1:3], strict=True)
    )
    return factors, factors
