"""Feature maps of chosen images as pictures, over epochs."""

from collections.abc import Sequence
from os import PathLike
from typing import Any

import keras
import numpy as np

from kerasnets.callbacks.measuring.layer_outputs import layer_outputs
from kerasnets.callbacks.pictures.by_epoch import ByEpoch
from kerasnets.callbacks.pictures.drawing import draw_tiles
from kerasnets.callbacks.pictures.tiles import map_tiles
from kerasnets.layers.paths import layer_paths, matching_paths


class FeatureMaps(ByEpoch):
    """Write what layers make of a few images, a picture a layer, over epochs.

    A row is an image: the image itself, where it has one channel or three, then the layer's first channels,
    each stretched to its own range. A map that is black throughout has one value everywhere: its unit is dead
    on that image.

    Files are DIRECTORY/epoch-00003-LAYER-maps.png, epoch 0 being before the first step; slashes of a nested
    layer's path become dots. A chosen layer whose output is no map is named in one line.

    Args:
        directory: folder of the pictures, made if need be.
        images: as the network takes them, (N, height, width, C); for a network with several inputs a list,
            tuple or dictionary of arrays, of which the first with four axes is drawn. A few are enough.
        layers: a layer's path, a pattern, or several; by default the first, the middle and the last of the
            layers whose kernel has four axes.
        every: epochs from one picture to the next, 1 or more; the last epoch is always drawn.
        most: maps of an image in a picture at most.

    Example:
        >>> model.fit(x, y, epochs=20, callbacks=[FeatureMaps("pictures", x[:4], ["conv1", "block3/*"])])
    """

    what = "feature maps"

    def __init__(
        self,
        directory: str | PathLike[str],
        images: Any,
        layers: str | Sequence[str] | None = None,
        *,
        every: int = 1,
        most: int = 16,
    ):
        super().__init__(directory, every)
        self.images = keras.tree.map_structure(np.asarray, images, none_is_leaf=False)
        self.layers, self.most = layers, most

    def draw(self, epochs: int) -> None:
        """Write a picture of each layer."""
        images = next((each for each in keras.tree.flatten(self.images) if each.ndim == 4), None)
        images = None if images is None else _channels_last(images, keras.config.image_data_format())
        layers = layer_paths(self.model)
        for path, outputs in layer_outputs(self.model, self.images, self._paths(layers)).items():
            if not outputs:
                self.leave_out(path, "it was not called")
            elif len(outputs[0].shape) != 4:
                self.leave_out(path, f"its output has the shape {tuple(outputs[0].shape)}, allowed: maps")
            else:
                maps = _channels_last(
                    keras.ops.convert_to_numpy(outputs[0]).astype("float32"),
                    getattr(layers[path], "data_format", None) or keras.config.image_data_format(),
                )
                rows = [
                    map_tiles(None if images is None else images[place], maps[place], self.most)
                    for place in range(len(maps))
                ]
                draw_tiles(self.path(epochs, f"{path}-maps"), rows)

    def _paths(self, layers: dict[str, keras.Layer]) -> list[str]:
        """Return the paths of the layers to draw."""
        if self.layers is not None:
            return matching_paths(layers, self.layers)
        found = [
            path
            for path, layer in layers.items()
            if len(getattr(getattr(layer, "kernel", None), "shape", ())) == 4
        ]
        if not found:
            self.leave_out(self.model.name, "no layer has a kernel (height, width, channels, filters)")
            return []
        return list(dict.fromkeys([found[0], found[len(found) // 2], found[-1]]))


def _channels_last(array: np.ndarray, data_format: str) -> np.ndarray:
    return np.moveaxis(array, 1, -1) if data_format == "channels_first" else array
