"""Generated images: as many numbers as real ones, of no meaning."""

import numpy as np

KINDS = 2
"""Different batches, one after the other again and again."""


def generated_batches(case):
    """Return host batches: images (B, height, width, C) and one-hot labels (B, classes), float32."""
    draw, batches = np.random.default_rng(0), []
    for _ in range(KINDS):
        images = draw.standard_normal((case.batch, *case.input_shape), "float32")
        labels = np.eye(case.classes, dtype="float32")[draw.integers(case.classes, size=case.batch)]
        batches.append((images, labels))
    return batches
