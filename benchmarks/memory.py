"""Memory of the input pipeline: ten epochs over a folder of 10,000 photos.

    python benchmarks/memory.py FOLDER

FOLDER holds JPEGs for each class; 10,000 small copies of them are made in a temporary folder. Printed are the
resident memory after every epoch, and its slope from the second on.
"""

import argparse
import itertools
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from kerasnets.benchmarking.timing import resident_bytes

COUNT, EPOCHS, BATCH = 10_000, 10, 64


def main():
    """Run the benchmark and print a line an epoch."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    with tempfile.TemporaryDirectory() as folder:
        copy_small(Path(parser.parse_args().folder), Path(folder))
        measure(folder)


def copy_small(source, target):
    """Write COUNT photos of at most 128 pixels a side."""
    classes = sorted(entry for entry in source.iterdir() if entry.is_dir())
    for one in classes:
        (target / one.name).mkdir()
        photos = [Image.open(path).convert("RGB") for path in sorted(one.glob("*.jpg"))]
        for photo in photos:
            photo.thumbnail((128, 128))
        for number, photo in zip(range(COUNT // len(classes)), itertools.cycle(photos)):
            photo.save(target / one.name / f"{number:05}.jpg")


def measure(folder):
    """Go through ten epochs of training batches."""
    from kerasnets import runtime

    runtime.prepare()
    from kerasnets.data.pipeline.batches import training_batches
    from kerasnets.data.pipeline.order import BatchPlan
    from kerasnets.data.preprocessing.steps import Preprocessing
    from kerasnets.data.sources.folder import read_folder

    split = read_folder(folder, 3).train
    steps = [{"op": "resize", "size": [64, 64], "method": "bilinear"}, {"op": "scale", "to": [0.0, 1.0]}]
    operations = [{"op": "random_resized_crop"}, {"op": "flip"}]
    preprocessing = Preprocessing(steps, (None, None, 3))
    plan = BatchPlan(BATCH, seed=0, epochs=EPOCHS)
    batches = iter(training_batches(split, preprocessing, operations, plan=plan, classes=2))
    resident = []
    for epoch in range(EPOCHS):
        for _ in range(plan.steps_per_epoch(len(split))):
            next(batches)
        resident.append(resident_bytes()[0] / 2**20)
        print(f"epoch {epoch + 1:2}: {resident[-1]:,.0f} MiB resident")
    slope = np.polyfit(range(1, EPOCHS), resident[1:], 1)[0]
    print(f"{len(split):,} photos, slope {slope:+.2f} MiB an epoch")


if __name__ == "__main__":
    main()
