"""What images kept in memory take: run as a program with a PNG, it prints bytes held over bytes of images."""

import sys

from kerasnets import runtime

COUNT, SIDE = 1600, 224


def main(path):
    """Go through an epoch of decoded images, and through one of an array."""
    runtime.prepare()
    import numpy as np

    from kerasnets.benchmarking.timing import resident_bytes
    from kerasnets.data.dataset import Split
    from kerasnets.data.images.encoded import EncodedImages
    from kerasnets.data.pipeline.batches import evaluation_batches
    from kerasnets.data.pipeline.decoded_cache import keep_decoded
    from kerasnets.data.pipeline.read import Reading
    from kerasnets.data.preprocessing.steps import Preprocessing

    preprocessing = Preprocessing([{"op": "resize", "size": [SIDE, SIDE], "method": "area"}], (None, None, 3))

    def epoch(count, kept):
        split = Split(EncodedImages.of_files([path] * count), np.zeros(count, "int64"))
        decoded = keep_decoded(split, preprocessing, Reading(), cache=kept, limit=2**40)
        for _ in evaluation_batches(split, preprocessing, classes=2, batch_size=8, decoded=decoded):
            pass
        return decoded

    epoch(32, "memory")
    before = resident_bytes()[1]
    decoded = epoch(COUNT, "memory")
    print((resident_bytes()[1] - before) / decoded.nbytes)


if __name__ == "__main__":
    main(sys.argv[1])
