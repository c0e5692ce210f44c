"""One side of the training benchmark, in a process of its own: prints images a second.

    python benchmarks/stepping.py SIDE NETWORK STEPS

Trains three epochs of STEPS steps each, of which the first, in which graphs are traced, is not timed: SGD
with momentum on cross-entropy, float32, images in memory.
"""

import os
import sys
import time

import numpy as np
from program import clock, images_of, made

EPOCHS = 3
CASES = {
    "resnet20": ((32, 32, 3), 10, 128),
    "resnet50": ((224, 224, 3), 1000, 16),
    "vgg16": ((224, 224, 3), 1000, 8),
    "lenet5": ((32, 32, 1), 10, 64),
}
"""Input, classes and batch by network."""
RATE, MOMENTUM = 1e-3, 0.9


def ours(network, steps):
    """Run what `kerasnets train` runs, without diagnostics: input pipeline, step and loop."""
    shape, classes, batch = CASES[network]
    values = {"optimizer.learning_rate": RATE, "train.epochs": EPOCHS}
    options = {"dropout": 0.0} if network == "vgg16" else None
    _, _, model, batches = made(network, shape, classes, batch, steps, values, options)
    timed = clock()
    model.fit(batches, EPOCHS, steps_per_epoch=steps, callbacks=[timed])
    return timed.seconds


def stock(network, steps):
    """Run plain Keras: keras.applications, or the same network of Keras's own layers, and `fit`."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras

    import kerasnets

    shape, classes, batch = CASES[network]
    makers = {"resnet50": keras.applications.ResNet50, "vgg16": keras.applications.VGG16}
    if network in makers:
        model = makers[network](weights=None, classifier_activation=None)
    else:
        # our layers call themselves by Keras's class: cloning makes Keras's own of them
        model = keras.models.clone_model(kerasnets.build(network, shape, classes))
        ours = "kerasnets.layers.normalization", "kerasnets.layers.convolution"
        assert not any(type(each).__module__ in ours for each in model.layers)
    model.compile(
        keras.optimizers.SGD(RATE, MOMENTUM),
        keras.losses.CategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    images, labels = _images(network, steps)
    timed = clock()
    model.fit(
        images.astype("float32") / 255, np.eye(classes, dtype="float32")[labels],
        batch, EPOCHS, verbose=0, callbacks=[timed],
    )  # fmt: skip
    return timed.seconds


def torch(network, steps):
    """Run PyTorch's eager loop, channels last."""
    import torch as library
    from torch_networks import NETWORKS

    _, _, batch = CASES[network]
    images, labels = (library.from_numpy(array) for array in _images(network, steps))
    images = images.float().div_(255)
    model = NETWORKS[network]().to(memory_format=library.channels_last)
    optimizer = library.optim.SGD(model.parameters(), RATE, MOMENTUM)
    for epoch in range(EPOCHS):
        if epoch == 1:
            started = time.perf_counter()
        for chosen in library.randperm(len(labels)).split(batch):
            taken = images[chosen].permute(0, 3, 1, 2)  # channels last in memory
            optimizer.zero_grad(set_to_none=True)
            library.nn.functional.cross_entropy(model(taken), labels[chosen]).backward()
            optimizer.step()
    return time.perf_counter() - started


def _images(network, steps):
    shape, classes, batch = CASES[network]
    return images_of(shape, classes, steps * batch)


SIDES = {side.__name__: side for side in (ours, stock, torch)}

if __name__ == "__main__":
    _, side, network, steps = sys.argv
    seconds = SIDES[side](network, int(steps))
    print((EPOCHS - 1) * int(steps) * CASES[network][2] / seconds)
