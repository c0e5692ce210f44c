"""How images were prepared for published weights: value steps, tables as in a recipe's [[preprocess]].

In raw values 0 to 255, red, green and blue unless a step turns them around.
"""

IMAGENET = ({"op": "standardize", "mean": [123.675, 116.28, 103.53], "std": [58.395, 57.12, 57.375]},)
"""torchvision's and timm's usual ones: 255 times 0.485, 0.456, 0.406 and 0.229, 0.224, 0.225."""

INCEPTION = ({"op": "scale", "to": [-1.0, 1.0]},)
"""TensorFlow's Inceptions and their ports: torchvision's two turn their input into it (`transform_input`)."""

CAFFE = ({"op": "bgr"}, {"op": "subtract_mean", "mean": [104.0, 117.0, 123.0]})
"""The Caffe model zoo's GoogLeNet (bvlc_googlenet, train_val.prototxt)."""

_KERAS_CAFFE = ({"op": "bgr"}, {"op": "subtract_mean", "mean": [103.939, 116.779, 123.68]})

KERAS_APPLICATIONS = {
    **dict.fromkeys(("vgg16", "vgg19", "resnet50", "resnet101", "resnet152"), _KERAS_CAFFE),
    **dict.fromkeys(("inception_v3", "inception_resnet_v2"), INCEPTION),
}
"""By our architectures' names: the modes "caffe" and "tf" of `keras.applications.imagenet_utils`."""
