"""One side of the input benchmark, in a process of its own: prints images a second.

    python benchmarks/reading.py SIDE FOLDER

FOLDER holds a folder of JPEGs for each class. Every side makes batches of 32 images of 224x224 with two
workers; the first pass over the files is not timed, the next EPOCHS are.
"""

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

EPOCHS, BATCH, SIZE, WORKERS = 6, 32, 224, 2


def ours(folder):
    """Decode, random resized crop, flip, scale: a recipe's training batches."""
    from kerasnets import runtime

    runtime.prepare()
    from kerasnets.data.pipeline.batches import training_batches
    from kerasnets.data.pipeline.order import BatchPlan
    from kerasnets.data.pipeline.read import Reading
    from kerasnets.data.preprocessing.steps import Preprocessing
    from kerasnets.data.sources.folder import read_folder

    split = read_folder(folder, 3).train
    steps = [
        {"op": "resize", "size": [SIZE, SIZE], "method": "bilinear"},
        {"op": "scale", "to": [0.0, 1.0]},
    ]
    operations = [{"op": "random_resized_crop"}, {"op": "flip"}]
    preprocessing, steps_each = Preprocessing(steps, (None, None, 3)), len(split) // BATCH
    reading = Reading(WORKERS)
    plan = BatchPlan(BATCH, seed=0, epochs=EPOCHS + 1)
    batches = training_batches(split, preprocessing, operations, plan=plan, classes=2, reading=reading)
    return _timed(batches, steps_each, steps_each * EPOCHS)


def keras_layers(folder):
    """image_dataset_from_directory, then Keras layers that crop at random, flip and scale."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras

    layers = [keras.layers.RandomCrop(SIZE, SIZE), keras.layers.RandomFlip("horizontal")]

    def augment(images, labels):
        for layer in layers:
            images = layer(images, training=True)
        return images / 255, labels

    dataset = keras.utils.image_dataset_from_directory(
        folder, image_size=(256, 256), batch_size=BATCH, verbose=False
    )
    dataset = dataset.map(augment, num_parallel_calls=WORKERS).prefetch(2)
    steps = int(dataset.cardinality())
    return _timed(dataset.repeat(), steps, steps * EPOCHS)


def torchvision(folder):
    """ImageFolder, RandomResizedCrop, RandomHorizontalFlip and ToTensor through a DataLoader."""
    import torch
    from torchvision import datasets, transforms

    transform = transforms.Compose(
        [transforms.RandomResizedCrop(SIZE), transforms.RandomHorizontalFlip(), transforms.ToTensor()]
    )
    files = datasets.ImageFolder(folder, transform, is_valid_file=lambda path: path.endswith(".jpg"))
    loader = torch.utils.data.DataLoader(
        files, BATCH, shuffle=True, num_workers=WORKERS, persistent_workers=True, drop_last=True
    )

    def forever():
        while True:
            yield from loader

    return _timed(forever(), len(loader), len(loader) * EPOCHS)


def simplejpeg(folder):
    """Reading and decoding whole images, nothing else, in two threads."""
    import simplejpeg as library

    paths = sorted(Path(folder).rglob("*.jpg"))

    def decode(path):
        library.decode_jpeg(path.read_bytes())

    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(decode, paths))
        start = time.perf_counter()
        for _ in range(EPOCHS):
            list(pool.map(decode, paths))
        return EPOCHS * len(paths) / (time.perf_counter() - start)


def cifar10(_):
    """CIFAR-10 from memory: pad-crop, flip, standardize, batches of 128."""
    from kerasnets import runtime

    runtime.prepare()
    from kerasnets.data.pipeline.batches import training_batches
    from kerasnets.data.pipeline.order import BatchPlan
    from kerasnets.data.pipeline.read import Reading
    from kerasnets.data.preprocessing.statistics import Moments
    from kerasnets.data.preprocessing.steps import Preprocessing
    from kerasnets.data.sources.load import read_source

    split = read_source("cifar10").train
    preprocessing = Preprocessing([{"op": "standardize"}], (32, 32, 3)).fit(Moments.of([split.images[:5000]]))
    operations = [{"op": "pad_crop", "padding": 4, "fill": [125.0, 123.0, 114.0]}, {"op": "flip"}]
    reading = Reading(WORKERS)
    plan = BatchPlan(128, seed=0, epochs=4)
    batches = training_batches(split, preprocessing, operations, plan=plan, classes=10, reading=reading)
    return _timed(batches, 390, 3 * 390, 128)


def _timed(batches, warm, steps, batch=BATCH):
    """Return images a second over `steps` batches, after `warm` others."""
    iterator = iter(batches)
    for _ in range(warm):
        next(iterator)
    start = time.perf_counter()
    for _ in range(steps):
        next(iterator)
    return steps * batch / (time.perf_counter() - start)


SIDES = {side.__name__: side for side in (ours, keras_layers, torchvision, simplejpeg, cifar10)}

if __name__ == "__main__":
    print(SIDES[sys.argv[1]](sys.argv[2]))
