"""Augmentation: random changes to training images, stateless.

Every example has `DRAWS` numbers in [0, 1) for each operation, a pure function of (seed, epoch, example).
An operation takes a batch and its numbers and nothing else, so the same image looks the same whatever
batch, thread or replica it comes in.
"""

import tensorflow as tf

DRAWS = 2
"""Random numbers each operation gets for each example."""


def augment(images, draws, operations):
    """Apply operations in order.

    Args:
        images: float32 (N, height, width, C).
        draws: float32 (N, DRAWS · len(operations)), uniform in [0, 1).
        operations: list of tables with `op` and that operation's keys.

    Returns:
        float32 images of the same shape.
    """
    for position, operation in enumerate(operations):
        options = {key: value for key, value in operation.items() if key != "op"}
        numbers = draws[:, DRAWS * position : DRAWS * (position + 1)]
        images = OPERATIONS[operation["op"]](images, numbers, **options)
    return images


def pad_crop(images, draws, padding, fill=0.0):
    """Pad every side and cut the original size out at a random place (He 2015, section 4.2).

    Args:
        images: float32 (N, height, width, C).
        draws: (N, 2); the place is uniform over the (2 · padding + 1)² there are.
        padding: pixels on each side.
        fill: raw pixel value of the padding, one number or one a channel.
    """
    height, width = images.shape[1], images.shape[2]
    sides = [[0, 0], [padding, padding], [padding, padding], [0, 0]]
    # pad zeros around the difference to `fill`: tf.pad itself takes one number, not one a channel
    padded = tf.pad(images - fill, sides) + fill
    corner = tf.cast(draws[:, :2] * (2 * padding + 1), tf.int32)
    rows = corner[:, :1] + tf.range(height)
    columns = corner[:, 1:] + tf.range(width)
    return tf.gather(tf.gather(padded, rows, axis=1, batch_dims=1), columns, axis=2, batch_dims=1)


def flip(images, draws, mode="horizontal"):
    """Mirror the images whose first number is below one half.

    Args:
        images: float32 (N, height, width, C).
        draws: (N, 2).
        mode: "horizontal" swaps left and right, "vertical" top and bottom.
    """
    mirrored = tf.reverse(images, axis=[2 if mode == "horizontal" else 1])
    return tf.where(draws[:, 0, None, None, None] < 0.5, mirrored, images)


OPERATIONS = {"pad_crop": pad_crop, "flip": flip}
