"""Which classes are taken for which, over epochs."""

from collections.abc import Iterable, Sequence
from os import PathLike
from typing import Any

import keras
import numpy as np
import pandas as pd

from kerasnets.callbacks.pictures.by_epoch import ByEpoch
from kerasnets.callbacks.pictures.drawing import draw_confusion
from kerasnets.files.whole_files import whole_file


class ConfusionMatrix(ByEpoch):
    """Count on validation data which classes are taken for which, over epochs; write counts and pictures.

    Counts go to DIRECTORY/confusion.csv: a row an epoch, true class and predicted class that occurred, with
    its count; epochs count from 1, classes are named where names are given. Training that goes on at a later
    epoch continues the file. Pictures are DIRECTORY/epoch-00003-confusion.png.

    Args:
        directory: folder of the files, made if need be.
        validation: (x, y) arrays, or an iterable of (x, y) batches that can be gone through many times. The
            labels are class numbers, or a column a class.
        classes: names of the classes, in order; by default their numbers.
        every: epochs from one matrix to the next, 1 or more; the last epoch is always drawn.
        batch_size: images that are predicted at a time, where `validation` is two arrays.
        threshold: of a network with one output, from where on it means class 1: 0.5 for probabilities, 0 for
            logits.

    Example:
        >>> model.fit(x, y, epochs=20, callbacks=[ConfusionMatrix("pictures", (x_val, y_val), every=5)])
    """

    what = "confusion matrices"
    at_start = False

    def __init__(
        self,
        directory: str | PathLike[str],
        validation: Any,
        classes: Sequence[str] | None = None,
        *,
        every: int = 1,
        batch_size: int = 32,
        threshold: float = 0.5,
    ):
        super().__init__(directory, every)
        self.validation, self.classes = validation, classes
        self.batch_size, self.threshold = batch_size, threshold
        self._fresh = False

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Forget what an older training has left, where this one begins."""
        self._fresh = self._fresh or epoch == 0

    def draw(self, epochs: int) -> None:
        """Count and draw."""
        counts = self.counts()
        names = list(self.classes or map(str, range(len(counts))))
        path = self.directory / "confusion.csv"
        rows = _rows(epochs, counts, names)
        if path.is_file() and not self._fresh:
            before = pd.read_csv(path, dtype={"true": str, "predicted": str}, keep_default_na=False)
            rows = pd.concat([before[before.epoch < epochs], rows])
        with whole_file(path) as temporary:
            rows.to_csv(temporary, index=False)
        self._fresh = False
        correct = np.trace(counts) / max(counts.sum(), 1)
        title = f"epoch {epochs}: {correct:.1%} of {counts.sum():,} right"
        draw_confusion(self.path(epochs, "confusion"), counts, names, title=title)

    def counts(self) -> np.ndarray:
        """Return the counts with the present weights, int64 (classes, classes): rows true."""
        total = np.zeros((0, 0), "int64")
        for images, labels in self._batches():
            size = len(keras.tree.flatten(images)[0])
            # not `predict`, whose loader takes of PyTorch's random numbers; replicas repeat the batch
            outputs = np.asarray(keras.tree.flatten(self.model.predict_on_batch(images))[0])[:size]
            labels = keras.ops.convert_to_numpy(labels)
            classes = len(self.classes or ()) or max(2, outputs.reshape(len(outputs), -1).shape[1])
            predicted = predicted_classes(outputs, self.threshold)
            counts = confusion_counts(labelled_classes(labels), predicted, classes)
            total = counts + (total if total.size else 0)
        return total

    def _batches(self) -> Iterable[tuple[Any, Any]]:
        """Yield images and labels of a batch each; weights after them are left out."""
        if isinstance(self.validation, tuple):
            x, y = self.validation[:2]
            for start in range(0, len(y), self.batch_size):
                part = slice(start, start + self.batch_size)
                yield keras.tree.map_structure(lambda array, part=part: array[part], x), y[part]
        else:
            yield from ((batch[0], batch[1]) for batch in self.validation)


def predicted_classes(outputs: np.ndarray, threshold: float = 0.5) -> np.ndarray:
    """Return the classes that a network's outputs mean, int64 (N,).

    Args:
        outputs: (N, classes) scores; or (N, 1) or (N,), which mean class 1 from `threshold` on.
        threshold: 0.5 for probabilities, 0 for logits.

    Raises:
        ValueError: there is more than one answer an example.
    """
    if outputs.ndim > 2:
        raise ValueError(f"found outputs of shape {outputs.shape}, allowed: (N, classes)")
    if outputs.ndim == 2 and outputs.shape[1] > 1:
        return outputs.argmax(1)
    return (outputs.reshape(-1) >= threshold).astype("int64")


def labelled_classes(labels: np.ndarray) -> np.ndarray:
    """Return the classes of labels, int64 (N,).

    Args:
        labels: whole numbers (N,) or (N, 1), or a column a class (N, classes), of which the largest counts.

    Raises:
        ValueError: they are no classes.
    """
    if labels.ndim == 2 and labels.shape[1] > 1:
        return labels.argmax(1)
    numbers = labels.reshape(len(labels), -1)
    if numbers.shape[1] != 1 or not np.array_equal(numbers, np.floor(numbers)):
        raise ValueError(
            f"found labels {labels.dtype} of shape {labels.shape}, allowed: whole numbers (N,), one-hot"
        )
    return numbers[:, 0].astype("int64")


def confusion_counts(true: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Return how often each class was taken for each, int64 (classes, classes): rows true, columns predicted.

    Args:
        true: class numbers (N,).
        predicted: those that the network takes them for (N,).
        classes: how many there are.

    Raises:
        ValueError: a number is not that of a class.
    """
    both = np.concatenate([true, predicted])
    if both.size and not 0 <= both.min() <= both.max() < classes:
        raise ValueError(f"found classes {both.min()} to {both.max()}, allowed: 0 to {classes - 1}")
    return np.bincount(true * classes + predicted, minlength=classes**2).reshape(classes, classes)


def _rows(epochs: int, counts: np.ndarray, names: Sequence[str]) -> pd.DataFrame:
    """Return the counts above zero of an epoch, as rows of the file."""
    true, predicted = np.nonzero(counts)
    return pd.DataFrame(
        {
            "epoch": epochs,
            "true": [names[int(place)] for place in true],
            "predicted": [names[int(place)] for place in predicted],
            "count": counts[true, predicted],
        }
    )
