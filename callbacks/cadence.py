"""When to measure, kept apart from what is measured."""

import keras


class CadencedCallback(keras.callbacks.Callback):
    """Counts optimizer steps and says which ones to measure: the first, and then each `every`-th.

    Args:
        every: steps from one measurement to the next.

    Raises:
        ValueError: `every` is not a positive integer.
    """

    def __init__(self, every):
        super().__init__()
        if every < 1:
            raise ValueError(f"every is {every}, allowed: 1 or more steps")
        self.every = every
        self.step = 0
        self.epoch = 0

    def on_train_begin(self, logs=None):
        """Take up counting where the optimizer stands."""
        self.step = int(keras.ops.convert_to_numpy(self.model.optimizer.iterations))

    def on_epoch_begin(self, epoch, logs=None):
        """Remember the epoch."""
        self.epoch = epoch

    def due(self):
        """Return whether the step that comes next, or has just ended, is one to measure."""
        return self.step % self.every == 0
