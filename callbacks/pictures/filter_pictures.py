"""Kernels as pictures, over epochs."""

from collections.abc import Sequence
from os import PathLike

import keras
import numpy as np

from kerasnets.callbacks.pictures.by_epoch import ByEpoch
from kerasnets.callbacks.pictures.drawing import draw_tiles
from kerasnets.callbacks.pictures.tiles import kernel_tiles
from kerasnets.layers.paths import layer_paths, matching_paths


class FilterPictures(ByEpoch):
    """Write the filters of the first convolution, or of chosen ones, as a picture each, over epochs.

    Filters that see three channels are drawn in colour, others an input channel at a time; each is stretched
    to its own range, the smallest number black and the largest white. Filters of a network that has learned
    show edges, blobs and colours; those that stay noise or change no more from what they began with tell of a
    rate too high or too low, of training that was too short, or of weak regularization (Stanford CS231n,
    "Neural Networks Part 3", first-layer visualizations).

    Files are DIRECTORY/epoch-00003-LAYER.png, epoch 0 being the weights that training began with; slashes of
    a nested layer's path become dots. A chosen layer without such a kernel is named in one line.

    Args:
        directory: folder of the pictures, made if need be.
        layers: a layer's path, a pattern, or several; by default the first layer with such a kernel.
        every: epochs from one picture to the next, 1 or more; the last epoch is always drawn.
        most: filters, or channels of filters, in a picture at most.
        backwards: whether images have their channels in the order blue, green, red.

    Example:
        >>> model.fit(x, y, epochs=20, callbacks=[FilterPictures("pictures", every=5)])
    """

    what = "filter pictures"

    def __init__(
        self,
        directory: str | PathLike[str],
        layers: str | Sequence[str] | None = None,
        every: int = 1,
        *,
        most: int = 64,
        backwards: bool = False,
    ):
        super().__init__(directory, every)
        self.layers, self.most, self.backwards = layers, most, backwards

    def draw(self, epochs: int) -> None:
        """Write a picture of each layer."""
        for path, kernel in self._kernels().items():
            colors = kernel[:, :, ::-1] if self.backwards and kernel.shape[2] == 3 else kernel
            draw_tiles(self.path(epochs, path), kernel_tiles(colors, self.most))

    def _kernels(self) -> dict[str, np.ndarray]:
        """Return the kernels to draw, by the paths of their layers."""
        layers = layer_paths(self.model)
        drawable = [path for path, layer in layers.items() if len(_kernel_shape(layer)) == 4]
        if self.layers is None:
            chosen = drawable[:1]
            if not chosen:
                self.leave_out(self.model.name, "no layer has a kernel (height, width, channels, filters)")
        else:
            chosen = matching_paths(layers, self.layers)
        for path in chosen:
            if path not in drawable:
                shape = _kernel_shape(layers[path])
                found = f"its kernel has the shape {shape}" if shape else "it has no kernel"
                self.leave_out(path, f"{found}, allowed: (height, width, channels, filters)")
        return {
            path: keras.ops.convert_to_numpy(layers[path].kernel).astype("float32")
            for path in chosen
            if path in drawable
        }


def _kernel_shape(layer: keras.Layer) -> tuple[int, ...]:
    """Return the shape of a layer's kernel, () where it has none."""
    return tuple(getattr(getattr(layer, "kernel", None), "shape", ()))
