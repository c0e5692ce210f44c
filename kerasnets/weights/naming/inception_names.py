"""What PyTorch's Inceptions call the layers of ours."""

import re

import keras

from kerasnets.weights.naming.layer_names import conv_and_bn

_V3_STEM = {
    "conv1a": "Conv2d_1a_3x3",
    "conv2a": "Conv2d_2a_3x3",
    "conv2b": "Conv2d_2b_3x3",
    "conv3b": "Conv2d_3b_1x1",
    "conv4a": "Conv2d_4a_3x3",
    "aux_conv1": "AuxLogits.conv0",
    "aux_conv2": "AuxLogits.conv1",
}
_V3_BRANCHES = {
    "5b 5c 5d": ("1x1", "5x5", "3x3dbl", "_pool"),
    "6a": ("3x3", "3x3dbl"),
    "6b 6c 6d 6e": ("1x1", "7x7", "7x7dbl", "_pool"),
    "7a": ("3x3", "7x7x3"),
    "7b 7c": ("1x1", "3x3", "3x3dbl", "_pool"),
}


def inception_v3(name: str, names: set[str]) -> str | None:
    """torchvision's and timm's Inception v3."""
    if name in ("fc", "aux_fc"):
        return {"fc": "fc", "aux_fc": "AuxLogits.fc"}[name]
    conv, part = conv_and_bn(name)
    if conv in _V3_STEM:
        return _V3_STEM[conv] + part
    if found := re.fullmatch(r"mixed(\d\w)_branch(\d)_(\d\w?)", conv):
        module, branch, step = found.groups()
        kinds = next(kinds for modules, kinds in _V3_BRANCHES.items() if module in modules.split())
        kind = kinds[int(branch) - 1]
        more = {f"mixed{module}_branch{branch}_{second}" for second in ("2", "2a")}
        alone = kind == "_pool" or not more & names
        return f"Mixed_{module}.branch{kind}" + ("" if alone else f"_{step}") + part
    return None


def counts_zeros(model: keras.Model) -> str | None:
    """Return why an Inception v3 is not PyTorch's, or None."""
    if not any(layer.name == "mixed5b_branch4_1_pad" for layer in model.layers):
        return "PyTorch's average pools count the zeros around the map: build with count_zeros = true"
    return None


def _timm_branch(module: str, conv: str, names: set[str]) -> str:
    """timm's branches: numbered where there are several operations in a branch, else without a number."""
    branch, step = conv.rpartition("_branch")[2].split("_")
    alone = step == "1" and f"{conv[:-1]}2" not in names
    return f"{module}.branch{int(branch) - 1}" + ("" if alone else f".{int(step) - 1}")


_V4_STEM = {
    "conv1a": "features.0",
    "conv2a": "features.1",
    "conv2b": "features.2",
    "mixed3a_branch2_1": "features.3.conv",
    "mixed5a_branch1_1": "features.5.conv",
}
_V4_FORKS = {"2_1": "1_0", "2_2a": "1_1a", "2_2b": "1_1b", "3_1": "2_0", "3_2": "2_1", "3_3": "2_2"}
_V4_FORKS |= {"3_4a": "2_3a", "3_4b": "2_3b"}


def inception_v4(name: str, names: set[str]) -> str | None:
    """timm's Inception v4."""
    if name == "fc":
        return "last_linear"
    conv, part = conv_and_bn(name)
    if conv in _V4_STEM:
        return _V4_STEM[conv] + part
    found = re.fullmatch(
        r"(mixed4a|inception_a|inception_b|inception_c|reduction_a|reduction_b)(\d?)_branch(.*)", conv
    )
    if not found or conv not in names:
        return None
    kind, number, branch = found.groups()
    first = {"mixed4a": 4, "inception_a": 5, "reduction_a": 10, "inception_b": 10, "reduction_b": 18}
    module = f"features.{first.get(kind, 18) + int(number or 0)}"
    if kind == "inception_c" and branch in _V4_FORKS:
        return f"{module}.branch{_V4_FORKS[branch]}{part}"
    return (_timm_branch(module, conv, names) + part) if re.fullmatch(r"\d_\d", branch) else None


_RESNET_V2_STEM = {
    "conv1a": "conv2d_1a",
    "conv2a": "conv2d_2a",
    "conv2b": "conv2d_2b",
    "conv3b": "conv2d_3b",
    "conv4a": "conv2d_4a",
    "conv7b": "conv2d_7b",
}
_RESNET_V2_MODULES = {
    "mixed5b": "mixed_5b",
    "block_a": "repeat",
    "reduction_a": "mixed_6a",
    "block_b": "repeat_1",
    "reduction_b": "mixed_7a",
    "block_c": "repeat_2",
}


def inception_resnet_v2(name: str, names: set[str]) -> str | None:
    """timm's Inception-ResNet v2."""
    if name == "fc":
        return "classif"
    conv, part = conv_and_bn(name)
    if conv in _RESNET_V2_STEM:
        return _RESNET_V2_STEM[conv] + part
    found = re.fullmatch(r"(mixed5b|(?:block|reduction)_[abc])(\d*)_(?:(mixed_)?branch\d_\d|conv)", conv)
    if not found:
        return None
    kind, number = found[1], found[2]
    module = _RESNET_V2_MODULES[kind] + (f".{int(number) - 1}" if number else "")
    module = "block8" if kind + number == "block_c10" else module
    return f"{module}.conv2d" if conv.endswith("_conv") else _timm_branch(module, conv, names) + part
