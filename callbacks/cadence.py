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
        self._first = 0
        self._resumed = False

    def on_train_begin(self, logs=None):
        """Take up counting where the optimizer stands, or where `set_state` said."""
        if not self._resumed:
            self.step = int(keras.ops.convert_to_numpy(self.model.optimizer.iterations))
        self._resumed = False

    def on_epoch_begin(self, epoch, logs=None):
        """Remember the epoch."""
        self.epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        """Remember the step: an execution may take several."""
        self._first = batch

    def due(self):
        """Return whether the step that comes next is one to measure."""
        return self.step % self.every == 0

    def advance(self, batch):
        """Count the steps that ended with `batch`; return whether one to measure was reached."""
        before, self.step = self.step, self.step + batch - self._first + 1
        return self.step // self.every > before // self.every

    def next_boundary(self, step):
        """Return before which step, after `step`, an execution of several steps has to end."""
        return (step // self.every + 1) * self.every

    def get_state(self):
        """Return what a resumed training needs, as JSON can say it."""
        return {"step": self.step}

    def set_state(self, state):
        """Go on from what `get_state` returned."""
        self.step = state["step"]
        self._resumed = True
