"""What tests of packed shards share."""

import time

import numpy as np

from kerasnets.data.shards.pack import pack

TINY = 512
"""Bytes of a shard that holds few of the bundled digits."""


def pack_slowly(dataset, folder):
    """Pack a data set, saying "shard" after each; never come to the end of it."""

    def progress(done, total, size):
        print("shard", flush=True)
        if done > 100:
            time.sleep(3600)  # this thread; the others go on packing

    pack(dataset, folder, shard_bytes=TINY, progress=progress)


def assert_same_images(read, given):
    """Check that a data set has the images, labels and weights of another, in its order."""
    assert list(read.splits) == list(given.splits)
    for name, split in given.splits.items():
        again = read.splits[name]
        everything = range(len(split))
        assert [again.images.read(i) for i in everything] == [split.images.read(i) for i in everything]
        np.testing.assert_array_equal(again.images.orientation, split.images.orientation)
        np.testing.assert_array_equal(again.labels, split.labels)
        assert again.labels.dtype == "int64"
        if split.weights is None:
            assert again.weights is None
        else:
            np.testing.assert_array_equal(again.weights, split.weights)


def flip_bit(path, position):
    """Alter one bit of a file."""
    contents = bytearray(path.read_bytes())
    contents[position] ^= 1
    path.write_bytes(contents)
