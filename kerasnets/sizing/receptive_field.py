"""How much of the image a unit of each layer sees."""

from keras import layers

WHOLE = (layers.Flatten, layers.Dense, layers.GlobalAveragePooling2D, layers.GlobalMaxPooling2D)


def receptive_fields(model):
    """Return the receptive field of each operation of a functional model on images.

    Each layer with a window of F pixels and the product S of all strides before it adds (F - 1)·S to its
    input's field; where branches meet the widest counts. The field is the theoretical one: with padding it
    may be larger than the image. Flatten, Dense and global pooling see the image's own size.

    Args:
        model: a built functional `keras.Model` of one input, channels last.

    Returns:
        Dictionary from operation name to (height, width) in pixels of the image.

    Source: Araujo, Norris, Sim, "Computing Receptive Fields of Convolutional Neural Networks", Distill, 2019.
    """
    image = tuple(model.inputs[0].shape[1:-1])
    seen, fields = {}, {}
    for operation in model.operations:
        if isinstance(operation, layers.InputLayer):
            field, stride = (1, 1), (1, 1)
        else:
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


def as_list(tensors):
    """Return one tensor or several as a list."""
    return list(tensors) if isinstance(tensors, list | tuple) else [tensors]


def _window(operation):
    """Return window and stride of one operation, (height, width) each; of no window, ones."""
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
    # other layers that shrink the image, such as a slice with a step or a sum of 2x2 neighbours
    shrinks = tuple(
        max(1, before // after) for before, after in zip(shapes[0][1:3], shapes[1][1:3], strict=True)
    )
    return shrinks, shrinks
