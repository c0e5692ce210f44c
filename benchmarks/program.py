"""What `kerasnets train` trains, made without a recipe file: a network by name and generated images."""

import time

import numpy as np


def images_of(shape, classes, count):
    """Return uint8 images (count, height, width, C) and int64 labels (count,)."""
    draw = np.random.default_rng(0)
    return draw.integers(256, size=(count, *shape), dtype="uint8"), draw.integers(classes, size=count)


def made(network, values, *, shape, classes, batch, steps, options=None):
    """Return a `TrainingInputs`, its strategy, its `Trainer` and its batches.

    Args:
        network: an architecture's name.
        values: recipe keys and their values.
        shape: (height, width, channels) of the images.
        classes: number of classes.
        batch: images in a step.
        steps: steps of an epoch.
        options: arguments of the architecture's builder, by name.
    """
    from kerasnets import runtime

    runtime.prepare()
    from kerasnets.benchmarking.case import make_case
    from kerasnets.data.dataset import Dataset, Split
    from kerasnets.data.pipeline.read import Reading
    from kerasnets.data.preprocessing.steps import Preprocessing
    from kerasnets.recipe import changed
    from kerasnets.training.distribution.strategy import ahead_on_device, make_strategy
    from kerasnets.training.setup.inputs import TrainingInputs, batch_plan
    from kerasnets.training.setup.model import make_trainer

    recipe = changed(make_case(network, batch=batch, options=options).recipe, values)
    split = Split(*images_of(shape, classes, steps * batch))
    dataset = Dataset(tuple(map(str, range(classes))), shape, split)
    scaled = Preprocessing([{"op": "scale", "to": [0.0, 1.0]}], shape).fit(None)
    inputs = TrainingInputs(
        recipe=recipe,
        dataset=dataset,
        preprocessing=scaled,
        operations=[],
        plan=batch_plan(recipe),
        reading=Reading(),
    )
    strategy = make_strategy("single")
    trainer, _ = make_trainer(inputs, strategy)
    return inputs, strategy, trainer, ahead_on_device(inputs.training_batches(), strategy)


def clock():
    """Return a Keras callback that times all epochs but the first, in which graphs are traced."""
    import keras

    class Clock(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                self.started = time.perf_counter()

        def on_train_end(self, logs=None):
            self.seconds = time.perf_counter() - self.started

    return Clock()
