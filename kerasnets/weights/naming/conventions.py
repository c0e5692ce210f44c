"""The conventions in which weights are published, by architecture."""

import re
from collections.abc import Callable
from dataclasses import dataclass

import keras

from kerasnets.weights.naming.inception_names import (
    counts_zeros,
    inception_resnet_v2,
    inception_v3,
    inception_v4,
)
from kerasnets.weights.naming.layer_names import (
    cifar_resnet,
    googlenet_bn,
    googlenet_bvlc,
    renamed,
    sequential,
    stride_in_the_3x3,
    torch_resnet,
)
from kerasnets.weights.published_input import (
    CAFFE,
    IMAGENET,
    INCEPTION,
    TIMM_INCEPTION_CROP,
    TIMM_INCEPTION_RESNET_CROP,
    TORCHVISION_CROP,
    CentralCrop,
    ValueSteps,
)

TORCH_LEAVES = {
    "kernel": "weight",
    "bias": "bias",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}


@dataclass(frozen=True)
class Convention:
    """How a published file names and lays out its tensors.

    Attributes:
        source: who publishes weights in this convention.
        modules: function from a model of ours to a table from our layers' names to theirs.
        torch: whether kernels are (outputs, inputs, height, width), variables have PyTorch's names, and maps
            are flattened channels first; else layout and names are Keras's.
        separator: between the module's name and the variable's.
        mismatch: function from the model to the reason why it is not the network of these weights, or None.
        values: how images were prepared for the weights; empty where only who trained them knows.
        crop: what of an image was measured.
        heads: pattern of the modules that only auxiliary heads have.
    """

    source: str
    modules: Callable[[keras.Model], dict[str, str]]
    torch: bool = True
    separator: str = "."
    mismatch: Callable[[keras.Model], str | None] = lambda model: None
    values: ValueSteps = ()
    crop: CentralCrop = TORCHVISION_CROP
    heads: str = r"(aux\d|AuxLogits|loss[12])\b"

    def auxiliary(self, name: str) -> bool:
        """Return whether a tensor belongs to an auxiliary head."""
        return re.match(self.heads, name) is not None

    def tensors(self, model: keras.Model) -> dict[str, tuple[keras.Layer, keras.Variable]]:
        """Return the (layer, variable) of `model` by the names of this convention."""
        modules = self.modules(model)
        leaves = TORCH_LEAVES if self.torch else {}
        return {
            f"{modules[layer.name]}{self.separator}{leaves.get(variable.name, variable.name)}": (
                layer,
                variable,
            )
            for layer in model.layers
            for variable in layer.weights
            if layer.name in modules
        }


def conventions(name: str) -> tuple[Convention, ...]:
    """Return the conventions in which weights of architecture `name` are published, our own last."""
    return (*_PUBLISHED.get(name, ()), Convention("kerasnets", _own, torch=False, separator="/"))


def published_networks() -> list[str]:
    """Return the architectures whose weights others publish, those that are built quickly first."""
    return sorted(_PUBLISHED, key=lambda name: name in ("resnet110", "resnet1202"))


def _own(model: keras.Model) -> dict[str, str]:
    return {layer.name: layer.name for layer in model.layers}


_VGG = (
    Convention(
        "torchvision",
        sequential({"fc6": "classifier.0", "fc7": "classifier.3", "fc8": "classifier.6"}),
        values=IMAGENET,
    ),
    Convention(
        "timm",
        sequential({"fc6": "pre_logits.fc1", "fc7": "pre_logits.fc2", "fc8": "head.fc"}),
        values=IMAGENET,
    ),
)
_ALEXNET = sequential({"fc6": "classifier.1", "fc7": "classifier.4", "fc8": "classifier.6"})
_RESNET = (
    Convention("torchvision and timm", renamed(torch_resnet), mismatch=stride_in_the_3x3, values=IMAGENET),
)
_CIFAR = (Convention("the PyTorch networks of section 4.2", renamed(cifar_resnet), values=IMAGENET),)

_PUBLISHED: dict[str, tuple[Convention, ...]] = {
    "alexnet_owt": (Convention("torchvision", _ALEXNET, values=IMAGENET),),
    "googlenet": (Convention("BVLC", renamed(googlenet_bvlc), torch=False, separator="/", values=CAFFE),),
    "googlenet_bn": (Convention("torchvision", renamed(googlenet_bn), values=INCEPTION),),
    "inception_v3": (
        Convention("torchvision and timm", renamed(inception_v3), mismatch=counts_zeros, values=INCEPTION),
    ),
    "inception_v4": (Convention("timm", renamed(inception_v4), values=INCEPTION, crop=TIMM_INCEPTION_CROP),),
    "inception_resnet_v2": (
        Convention("timm", renamed(inception_resnet_v2), values=INCEPTION, crop=TIMM_INCEPTION_RESNET_CROP),
    ),
    **{f"vgg{depth}{bn}": _VGG for depth in (11, 13, 16, 19) for bn in ("", "_bn")},
    **{f"resnet{depth}": _RESNET for depth in (18, 34, 50, 101, 152)},
    **{f"resnet{depth}": _CIFAR for depth in ("20", "32", "44", "56", "110", "1202", "_cifar")},
}
