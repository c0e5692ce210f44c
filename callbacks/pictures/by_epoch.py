"""Which epochs pictures are made after, and what becomes of what cannot be drawn."""

import logging
from os import PathLike
from pathlib import Path
from typing import Any

import keras

log = logging.getLogger("kerasnets")


class ByEpoch(keras.callbacks.Callback):
    """Draws before the first step of a training, after every `every` epochs and after the last one.

    A subclass draws in `draw`. What it cannot draw is named in one line, and training goes on.

    Args:
        directory: folder of the pictures, made if need be.
        every: epochs from one picture to the next, 1 or more.

    Attributes:
        directory: the folder.
        every: epochs from one picture to the next.

    Raises:
        ValueError: `every` is below 1.
    """

    what = "pictures"
    """What it draws, for messages."""

    at_start = True
    """Whether it draws before the first step too."""

    def __init__(self, directory: str | PathLike[str], every: int = 1):
        super().__init__()
        if every < 1:
            raise ValueError(f"every is {every}, allowed: 1 or more epochs")
        self.directory, self.every = Path(directory), every
        self._epochs, self._drawn = 0, -1
        self._failed = False
        self._told: set[str] = set()

    def draw(self, epochs: int) -> None:
        """Draw what there is to see now.

        Args:
            epochs: how many epochs of the training have ended.
        """
        raise NotImplementedError

    def path(self, epochs: int, name: str) -> Path:
        """Return the file of a picture.

        Args:
            epochs: how many epochs have ended.
            name: of what it shows, for instance a layer's path, whose slashes become dots.
        """
        return self.directory / f"epoch-{epochs:05d}-{name.replace('/', '.')}.png"

    def leave_out(self, name: str, why: str) -> None:
        """Say once that something is not drawn.

        Args:
            name: what is left out, for instance a layer.
            why: the reason, in a phrase.
        """
        if name not in self._told:
            self._told.add(name)
            log.warning("%s leave out %s: %s", self.what, name, why)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Draw, if no step was taken yet."""
        self._epochs, self._drawn, self._failed = 0, -1, False
        if self.at_start and not int(keras.ops.convert_to_numpy(self.model.optimizer.iterations)):
            self._draw()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Draw, if it is time."""
        self._epochs = epoch + 1
        if self._epochs % self.every == 0:
            self._draw()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Draw, if the last epoch was not drawn."""
        if self._epochs and self._drawn != self._epochs:
            self._draw()

    def _draw(self) -> None:
        if self._failed:
            return
        self._drawn = self._epochs
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            self.draw(self._epochs)
        except Exception as error:  # whatever a backend or a disk raises: a picture must not stop training
            self._failed = True
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            log.warning("%s cannot be drawn, and are left out: %s", self.what, reason[:300])
