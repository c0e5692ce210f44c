"""How images were prepared for published weights: tables as in a recipe's [[preprocess]].

They apply to raw values from 0 to 255, channels in the order red, green, blue.
"""

from typing import Any

ValueSteps = tuple[dict[str, Any], ...]
"""Steps that change pixels' values, and no shape."""

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
