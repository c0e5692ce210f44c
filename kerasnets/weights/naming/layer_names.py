"""What others call the layers of our architectures: functions from our name to theirs."""

import re
from collections.abc import Callable, Mapping

import keras
from keras import layers

Modules = Callable[[keras.Model], dict[str, str]]
"""A function from a model of ours to a table from our layers' names to others'."""


def renamed(rename: Callable[[str, set[str]], str | None]) -> Modules:
    """Return a function that names all layers of a model.

    Args:
        rename: function (our layer's name, the names of all layers with weights) -> their name, or None.
    """

    def modules(model: keras.Model) -> dict[str, str]:
        names = {layer.name for layer in model.layers if layer.weights}
        renamed = {name: rename(name, names) for name in names}
        return {ours: theirs for ours, theirs in renamed.items() if theirs}

    return modules


def sequential(classifier: Mapping[str, str]) -> Modules:
    """Name features that lie in one `nn.Sequential`, counted with rectifiers and pools (torchvision, timm).

    Args:
        classifier: the names of the dense layers.
    """

    def modules(model: keras.Model) -> dict[str, str]:
        found, index = dict(classifier), 0
        for layer in model.layers:
            if isinstance(layer, layers.Conv2D | layers.BatchNormalization):
                found[layer.name] = f"features.{index}"
            inline = isinstance(layer, layers.Conv2D) and layer.activation.__name__ == "relu"
            counted = layers.Conv2D | layers.BatchNormalization | layers.Activation | layers.MaxPooling2D
            index += 1 + inline if isinstance(layer, counted) else 0
        return found

    return modules


def _resnet(name: str, *, first_stage: int, fc: str, shortcut: str) -> str | None:
    stem = {"stem_conv": "conv1", "stem_conv_bn": "bn1", "fc": fc}
    if name in stem:
        return stem[name]
    if found := re.fullmatch(r"stage(\d)_block(\d+)_(conv(\d)|shortcut)(_bn)?", name):
        stage, block, kind, number, bn = found.groups()
        module = f"layer{int(stage) - first_stage}.{int(block) - 1}."
        return module + (
            f"{shortcut}.{1 if bn else 0}" if kind == "shortcut" else f"{'bn' if bn else 'conv'}{number}"
        )
    return None


def stride_in_the_3x3(model: keras.Model) -> str | None:
    """Return why a bottleneck network is not PyTorch's, or None."""
    first = next((each for each in model.layers if each.name == "stage3_block1_conv3"), None)
    if first is not None and model.get_layer("stage3_block1_conv1").strides != (1, 1):
        return "PyTorch's bottlenecks have their stride in the 3x3 convolution: build with version = 1.5"
    return None


def conv_and_bn(name: str) -> tuple[str, str]:
    """Split our name into the convolution's, and ".conv" or ".bn", its place in PyTorch's pair of the two."""
    return (name.removesuffix("_bn"), ".bn") if name.endswith("_bn") else (name, ".conv")


def googlenet_bn(name: str, names: set[str]) -> str | None:
    """torchvision's GoogLeNet."""
    plain = {"fc": "fc", "aux1_fc1": "aux1.fc1", "aux1_fc2": "aux1.fc2", "aux2_fc1": "aux2.fc1"}
    plain |= {"aux2_fc2": "aux2.fc2"}
    if name in plain:
        return plain[name]
    conv, part = conv_and_bn(name)
    stem = {"conv1": "conv1", "conv2_reduce": "conv2", "conv2": "conv3"}
    stem |= {"aux1_conv": "aux1.conv", "aux2_conv": "aux2.conv"}
    if conv in stem:
        return stem[conv] + part
    if found := re.fullmatch(r"(inception\d\w)_branch(\d)_(\d)", conv):
        module, branch, step = found.groups()
        return f"{module}.branch{branch}" + ("" if branch == "1" else f".{int(step) - 1}") + part
    return None


def googlenet_bvlc(name: str, names: set[str]) -> str | None:
    """The Caffe model zoo's GoogLeNet."""
    plain = {"conv1": "conv1/7x7_s2", "conv2_reduce": "conv2/3x3_reduce", "conv2": "conv2/3x3"}
    plain |= {"fc": "loss3/classifier"}
    for head in "12":
        plain |= {f"aux{head}_conv": f"loss{head}/conv", f"aux{head}_fc1": f"loss{head}/fc"}
        plain |= {f"aux{head}_fc2": f"loss{head}/classifier"}
    if name in plain:
        return plain[name]
    if found := re.fullmatch(r"inception(\d\w)_branch(\d_\d)", name):
        branches = {"1_1": "1x1", "2_1": "3x3_reduce", "2_2": "3x3", "3_1": "5x5_reduce", "3_2": "5x5"}
        return f"inception_{found[1]}/{(branches | {'4_2': 'pool_proj'}).get(found[2])}"
    return None


def torch_resnet(name: str, names: set[str]) -> str | None:
    """torchvision's and timm's ResNets."""
    return _resnet(name, first_stage=1, fc="fc", shortcut="downsample")


def cifar_resnet(name: str, names: set[str]) -> str | None:
    """The widespread PyTorch implementation of the ResNets for CIFAR-10."""
    return _resnet(name, first_stage=0, fc="linear", shortcut="shortcut")
