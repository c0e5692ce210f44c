"""Random masks are a function of (seed, step, replica): nothing to save, no two replicas draw the same."""

import zlib

import keras
import numpy as np


def dropout_seeds(network: keras.Model, seed: int) -> list[tuple[keras.random.SeedGenerator, int]]:
    """Return the seed generators of a network's layers, each with a number of its own.

    Args:
        network: a built functional model.
        seed: non-negative integer.

    Returns:
        List of (`keras.random.SeedGenerator`, int below 2**30).
    """
    found = []
    for layer in network.layers:
        for name, value in vars(layer).items():
            if isinstance(value, keras.random.SeedGenerator):
                words = [seed, zlib.crc32(f"{layer.name}/{name}".encode())]
                found.append((value, int(np.random.SeedSequence(words).generate_state(1)[0] >> 2)))
    return found
