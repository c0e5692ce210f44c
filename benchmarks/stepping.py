"""One side of the training benchmark, in a process of its own: prints images a second.

    python benchmarks/stepping.py SIDE NETWORK STEPS [WORK]

WORK is training (SGD with momentum on cross-entropy) or prediction, float32. Three epochs of STEPS steps are
taken on images in memory; the first, in which graphs are traced and compiled, is not timed.
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
    "alexnet": ((227, 227, 3), 1000, 32),
    "resnet18": ((224, 224, 3), 1000, 16),
    "googlenet": ((224, 224, 3), 1000, 16),
    "inception_v3": ((299, 299, 3), 1000, 8),
}
"""Input, classes and batch by network."""
RATE, MOMENTUM = 1e-3, 0.9
WITH_DROPOUT = ("vgg16", "alexnet", "googlenet", "inception_v3")
"""Networks built with a dropout of 0: the other sides have none."""


def ours(network, steps, work):
    """Run what `kerasnets train` runs, without diagnostics: input pipeline, step and loop; or predict."""
    shape, classes, batch = CASES[network]
    options = {"dropout": 0.0} if network in WITH_DROPOUT else None
    if work == "prediction":
        return _our_predictions(network, steps, options)
    values = {"optimizer.learning_rate": RATE, "train.epochs": EPOCHS}
    sizes = {"shape": shape, "classes": classes, "batch": batch, "steps": steps}
    _, _, trainer, batches = made(network, values, **sizes, options=options)
    timed = clock()
    from kerasnets.training.fit.loop import run_epochs

    run_epochs(trainer, batches, epochs=EPOCHS, steps_per_epoch=steps, callbacks=[timed])
    return timed.seconds


def _our_predictions(network, steps, options):
    from kerasnets import runtime

    runtime.prepare()
    import tensorflow as tf

    import kerasnets
    from kerasnets.runs.folding import predictor

    shape, classes, _ = CASES[network]
    images = tf.constant(_images(network, 1)[0], tf.float32) / 255
    predict = predictor(kerasnets.build(network, shape, classes, **options or {}))
    return _seconds(lambda: predict(images).numpy(), steps)


def _seconds(predict, steps):
    """Return what (EPOCHS - 1) * STEPS predictions take, after an epoch of them."""
    for _ in range(steps):
        predict()
    started = time.perf_counter()
    for _ in range((EPOCHS - 1) * steps):
        predict()
    return time.perf_counter() - started


def stock(network, steps, work):
    """Run plain Keras: keras.applications, or the same network of Keras's own layers, and `fit`."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras

    import kerasnets

    shape, classes, batch = CASES[network]
    makers = {
        "resnet50": keras.applications.ResNet50,
        "vgg16": keras.applications.VGG16,
        "inception_v3": keras.applications.InceptionV3,
    }
    if network in makers:
        model = makers[network](weights=None, classifier_activation=None)
    else:
        # our layers have Keras's class as `__class__`: cloning makes Keras's own layers of them
        model = keras.models.clone_model(kerasnets.build(network, shape, classes))
        faster = "kerasnets.layers.normalization.BatchNormalization", "kerasnets.layers.convolution.Conv2D"
        assert not any(f"{type(each).__module__}.{type(each).__name__}" in faster for each in model.layers)
    if work == "prediction":
        batch_images = _images(network, 1)[0].astype("float32") / 255
        return _seconds(lambda: model.predict_on_batch(batch_images), steps)
    model.compile(
        keras.optimizers.SGD(RATE, MOMENTUM),
        keras.losses.CategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    images, labels = _images(network, steps)
    timed = clock()
    inputs, targets = images.astype("float32") / 255, np.eye(classes, dtype="float32")[labels]
    model.fit(inputs, targets, batch_size=batch, epochs=EPOCHS, verbose=0, callbacks=[timed])
    return timed.seconds


def torch(network, steps, work):
    """Run PyTorch's eager loop, channels last."""
    import torch as library

    return _torch(network, steps, work, library, lambda function: function)


def compiled(network, steps, work):
    """Run the same with the network compiled by `torch.compile`."""
    import torch as library

    return _torch(network, steps, work, library, library.compile)


def _torch(network, steps, work, library, compiling):
    from torch_networks import NETWORKS

    _, _, batch = CASES[network]
    images, labels = (library.from_numpy(array) for array in _images(network, steps))
    images = images.float().div_(255)
    model = NETWORKS[network]().to(memory_format=library.channels_last)
    run = compiling(model)
    if work == "prediction":
        model.eval()
        taken = images[:batch].permute(0, 3, 1, 2)
        with library.inference_mode():
            return _seconds(lambda: run(taken), steps)
    optimizer = library.optim.SGD(model.parameters(), RATE, MOMENTUM)
    for epoch in range(EPOCHS):
        if epoch == 1:
            started = time.perf_counter()
        for chosen in library.randperm(len(labels)).split(batch):
            taken = images[chosen].permute(0, 3, 1, 2)  # channels last in memory
            optimizer.zero_grad(set_to_none=True)
            library.nn.functional.cross_entropy(run(taken), labels[chosen]).backward()
            optimizer.step()
    return time.perf_counter() - started


def _images(network, steps):
    shape, classes, batch = CASES[network]
    return images_of(shape, classes, steps * batch)


SIDES = {side.__name__: side for side in (ours, stock, torch, compiled)}

if __name__ == "__main__":
    _, side, network, steps, *work = sys.argv
    seconds = SIDES[side](network, int(steps), *work or ["training"])
    print((EPOCHS - 1) * int(steps) * CASES[network][2] / seconds)
