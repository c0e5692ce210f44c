"""Architectures on about the smallest images that each takes, and a few that stand for all."""

FAMILIES = (
    "lenet5", "lenet5_1998", "convnet10", "alexnet_owt", "zfnet_small", "vgg11_bn", "googlenet", "resnet18",
    "resnet20",
)  # fmt: skip
"""One of each kind, quickly built; `sweep` leaves the others to `make test-all`."""

KINDS = (*FAMILIES, "alexnet_grouped", "inception_v3", "inception_resnet_v2", "resnet50")
"""One of each kind of block, where one takes long; the others are left to `make study`."""

DEEP = {"resnet101", "resnet152", "resnet110", "resnet1202"}
"""Have the blocks of others, more often."""

SIZES = {
    "lenet": 32,
    "convnet": 8,
    "alexnet": 67,
    "zfnet": 63,
    "vgg": 32,
    "googlenet": 32,
    "inception_v2": 32,
    "inception": 75,
    "resnet18": 32,
    "resnet34": 32,
    "resnet50": 32,
    "resnet101": 32,
    "resnet152": 32,
    "plain18": 32,
    "plain34": 32,
    "": 8,  # the networks for CIFAR
}


def small_input(name):
    """Return (height, width, channels) for an architecture."""
    size = next(size for prefix, size in SIZES.items() if name.startswith(prefix))
    return (size, size, 1 if name.startswith("lenet") else 3)
