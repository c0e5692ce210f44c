"""How images were prepared for published weights: tables as in a recipe's [[preprocess]].

They apply to raw values from 0 to 255, channels in the order red, green, blue.
"""

from dataclasses import dataclass
from typing import Any

ValueSteps = tuple[dict[str, Any], ...]
"""Steps that change pixels' values, and no shape."""

SMALL_INPUT = 64
"""Pixels up to which networks were trained on whole images, as those for CIFAR were."""


@dataclass(frozen=True)
class CentralCrop:
    """How an image's centre was cut out for publishers' own measurements.

    Attributes:
        share: side of the crop, as a share of the image's short side.
        method: how the image is resized before, a key of [[preprocess]] resize.
    """

    share: float = 0.875
    method: str = "bilinear"

    def steps(self, size: tuple[int, int], image_size: tuple[int | None, int | None]) -> list[dict[str, Any]]:
        """Return the steps that cut a network's input out of images: none where they have its size.

        Args:
            size: (height, width) of the network's input.
            image_size: that of the images, None where they differ.
        """
        if size == image_size:
            return []
        if max(size) <= SMALL_INPUT:
            return [{"op": "resize", "size": list(size), "fit": "crop", "method": self.method}]
        short_side = round(max(size) / self.share)
        return [
            {"op": "resize", "short_side": short_side, "method": self.method},
            {"op": "center_crop", "size": list(size)},
        ]


TORCHVISION_CROP = CentralCrop()
"""224 of 256 pixels, 299 of 342: torchvision's weights, and the Caffe zoo's."""


TIMM_INCEPTION_CROP = CentralCrop(method="bicubic")
"""timm, models/inception_v4.py: crop_pct 0.875."""

TIMM_INCEPTION_RESNET_CROP = CentralCrop(0.8975, "bicubic")
"""timm, models/inception_resnet_v2.py: crop_pct 0.8975."""


IMAGENET: ValueSteps = (
    {"op": "standardize", "mean": [123.675, 116.28, 103.53], "std": [58.395, 57.12, 57.375]},
)
"""The usual ones of torchvision and timm: 255 times 0.485, 0.456, 0.406 and 0.229, 0.224, 0.225."""

INCEPTION: ValueSteps = ({"op": "scale", "to": [-1.0, 1.0]},)
"""TensorFlow's Inceptions and their ports; torchvision's two convert their input (`transform_input`)."""

CAFFE: ValueSteps = ({"op": "bgr"}, {"op": "subtract_mean", "mean": [104.0, 117.0, 123.0]})
"""The Caffe model zoo's GoogLeNet (bvlc_googlenet, train_val.prototxt)."""

_KERAS_CAFFE: ValueSteps = ({"op": "bgr"}, {"op": "subtract_mean", "mean": [103.939, 116.779, 123.68]})

KERAS_APPLICATIONS: dict[str, ValueSteps] = {
    **dict.fromkeys(("vgg16", "vgg19", "resnet50", "resnet101", "resnet152"), _KERAS_CAFFE),
    **dict.fromkeys(("inception_v3", "inception_resnet_v2"), INCEPTION),
}
"""By our architectures' names: the modes "caffe" and "tf" of `keras.applications.imagenet_utils`."""
