"""The benchmarked networks in PyTorch, by hand: the layers that `kerasnets.build` gives, without dropout."""

from functools import partial

import torch
from torch import nn


def lenet5():
    """LeNet-5 as `kerasnets.models.lenet` has it."""
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5), nn.Tanh(), nn.AvgPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2)),
        *(nn.Conv2d(16, 120, 5), nn.Tanh(), nn.Flatten()),
        *(nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 10)),
    )


def vgg16():
    """VGG-16 (Simonyan 2014, configuration D)."""
    layers, channels = [], 3
    for filters, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(count):
            layers += [nn.Conv2d(channels, filters, 3, padding=1), nn.ReLU(inplace=True)]
            channels = filters
        layers.append(nn.MaxPool2d(2))
    head = [nn.Linear(512 * 7 * 7, 4096), nn.ReLU(inplace=True), nn.Linear(4096, 4096), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers, nn.Flatten(), *head, nn.Linear(4096, 1000))


def resnet20():
    """ResNet-20 for CIFAR-10 (He 2015, section 4.2), shortcuts of option A."""
    blocks, channels = [], 16
    for filters in (16, 32, 64):
        for number in range(3):
            blocks.append(_Basic(channels, filters, 2 if filters > 16 and number == 0 else 1))
            channels = filters
    stem = [*_conv_bn(3, 16, 3), nn.ReLU(inplace=True)]
    return nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def resnet50():
    """ResNet-50 (He 2015, table 1), the stride of a block in its first convolution."""
    blocks, channels = [], 64
    for filters, count in ((64, 3), (128, 4), (256, 6), (512, 3)):
        for number in range(count):
            stride = 2 if filters > 64 and number == 0 else 1
            branch = [*_conv_bn_relu(channels, filters, 1, stride), *_conv_bn_relu(filters, filters, 3)]
            branch += _conv_bn(filters, 4 * filters, 1)
            blocks.append(_residual(branch, channels, 4 * filters, stride))
            channels = 4 * filters
    return nn.Sequential(*_resnet_stem(), *blocks, *_averaged_classifier(2048))


def resnet18():
    """ResNet-18 (He 2015, table 1), projections where the channels change."""
    blocks, channels = [], 64
    for filters in (64, 128, 256, 512):
        for number in range(2):
            stride = 2 if filters > 64 and number == 0 else 1
            branch = [*_conv_bn_relu(channels, filters, 3, stride), *_conv_bn(filters, filters, 3)]
            blocks.append(_residual(branch, channels, filters, stride))
            channels = filters
    return nn.Sequential(*_resnet_stem(), *blocks, *_averaged_classifier(512))


def _resnet_stem():
    return *_conv_bn_relu(3, 64, 7, 2), nn.MaxPool2d(3, 2, 1)


def _residual(branch, channels, filters, stride):
    projection = [] if channels == filters else _conv_bn(channels, filters, 1, stride)
    return _Residual(nn.Sequential(*branch), nn.Sequential(*projection))


def _averaged_classifier(channels):
    return nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 1000)


def alexnet():
    """AlexNet on one GPU (Krizhevsky 2012), with local response normalization after the pools."""
    relu, pool = partial(nn.ReLU, inplace=True), partial(nn.MaxPool2d, 3, 2)
    norm = partial(nn.LocalResponseNorm, 5, alpha=5e-4, beta=0.75, k=2.0)  # alpha is divided by the 5
    maps = [nn.Conv2d(3, 96, 11, 4), relu(), pool(), norm()]
    maps += [nn.Conv2d(96, 256, 5, padding=2), relu(), pool(), norm()]
    for channels, filters in ((256, 384), (384, 384), (384, 256)):
        maps += [nn.Conv2d(channels, filters, 3, padding=1), relu()]
    head = [nn.Linear(256 * 6 * 6, 4096), relu(), nn.Linear(4096, 4096), relu(), nn.Linear(4096, 1000)]
    return nn.Sequential(*maps, pool(), nn.Flatten(), *head)


def googlenet():
    """GoogLeNet (Szegedy 2014, table 1), pools that round up, without auxiliary heads."""
    pool = partial(nn.MaxPool2d, 3, 2, ceil_mode=True)
    norm = partial(nn.LocalResponseNorm, 5, alpha=1e-4, beta=0.75, k=1.0)
    layers = [*_conv_relu(3, 64, 7, 2), pool(), norm(), *_conv_relu(64, 64, 1), *_conv_relu(64, 192, 3)]
    layers += [norm(), pool()]
    channels = 192
    for name, (one, reduce3, three, reduce5, five, projection) in MODULES.items():
        layers.append(
            _Branches(
                nn.Sequential(*_conv_relu(channels, one, 1)),
                nn.Sequential(*_conv_relu(channels, reduce3, 1), *_conv_relu(reduce3, three, 3)),
                nn.Sequential(*_conv_relu(channels, reduce5, 1), *_conv_relu(reduce5, five, 5)),
                nn.Sequential(nn.MaxPool2d(3, 1, 1), *_conv_relu(channels, projection, 1)),
            )
        )
        channels = one + three + five + projection
        layers += [pool()] if name in ("3b", "4e") else []
    return nn.Sequential(*layers, *_averaged_classifier(channels))


def inception_v3():
    """Inception v3 (Szegedy 2015, figures 5 to 10), without auxiliary head."""
    unit = partial(_conv_bn_relu, epsilon=1e-3)
    stem = [*unit(3, 32, 3, 2, 0), *unit(32, 32, 3, 1, 0), *unit(32, 64, 3), nn.MaxPool2d(3, 2)]
    stem += [*unit(64, 80, 1), *unit(80, 192, 3, 1, 0), nn.MaxPool2d(3, 2)]
    modules = [
        *(_figure_5(unit, channels, pool) for channels, pool in ((192, 32), (256, 64), (288, 64))),
        _Branches(
            nn.Sequential(*unit(288, 384, 3, 2, 0)),
            nn.Sequential(*unit(288, 64, 1), *unit(64, 96, 3), *unit(96, 96, 3, 2, 0)),
            nn.MaxPool2d(3, 2),
        ),
        *(_figure_6(unit, width) for width in (128, 160, 160, 192)),
        _Branches(
            nn.Sequential(*unit(768, 192, 1), *unit(192, 320, 3, 2, 0)),
            nn.Sequential(
                *(*unit(768, 192, 1), *unit(192, 192, (1, 7)), *unit(192, 192, (7, 1))),
                *unit(192, 192, 3, 2, 0),
            ),
            nn.MaxPool2d(3, 2),
        ),
        *(_figure_7(unit, channels) for channels in (1280, 2048)),
    ]
    return nn.Sequential(*stem, *modules, *_averaged_classifier(2048))


def _figure_5(unit, channels, pool):
    return _Branches(
        nn.Sequential(*unit(channels, 64, 1)),
        nn.Sequential(*unit(channels, 48, 1), *unit(48, 64, 5)),
        nn.Sequential(*unit(channels, 64, 1), *unit(64, 96, 3), *unit(96, 96, 3)),
        nn.Sequential(nn.AvgPool2d(3, 1, 1), *unit(channels, pool, 1)),
    )


def _figure_6(unit, width):
    row, column = (1, 7), (7, 1)
    return _Branches(
        nn.Sequential(*unit(768, 192, 1)),
        nn.Sequential(*unit(768, width, 1), *unit(width, width, row), *unit(width, 192, column)),
        nn.Sequential(
            *(*unit(768, width, 1), *unit(width, width, column), *unit(width, width, row)),
            *(*unit(width, width, column), *unit(width, 192, row)),
        ),
        nn.Sequential(nn.AvgPool2d(3, 1, 1), *unit(768, 192, 1)),
    )


def _figure_7(unit, channels):
    def fork():
        return _Branches(
            *(nn.Sequential(*unit(channels, 384, size)) for channels, size in ((384, (1, 3)), (384, (3, 1))))
        )

    return _Branches(
        nn.Sequential(*unit(channels, 320, 1)),
        nn.Sequential(*unit(channels, 384, 1), fork()),
        nn.Sequential(*unit(channels, 448, 1), *unit(448, 384, 3), fork()),
        nn.Sequential(nn.AvgPool2d(3, 1, 1), *unit(channels, 192, 1)),
    )


MODULES = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}
"""Szegedy 2014, table 1: filters of 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool projection."""


class _Basic(nn.Module):
    def __init__(self, channels, filters, stride):
        super().__init__()
        first, second = _conv_bn(channels, filters, 3, stride), _conv_bn(filters, filters, 3)
        self.branch = nn.Sequential(*first, nn.ReLU(inplace=True), *second)
        self.stride, self.missing = stride, filters - channels

    def forward(self, x):
        shortcut = x
        if self.missing:
            half = self.missing // 2
            shortcut = nn.functional.pad(
                x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, half, self.missing - half)
            )
        return torch.relu_(self.branch(x) + shortcut)


class _Residual(nn.Module):
    def __init__(self, branch, shortcut):
        super().__init__()
        self.branch, self.shortcut = branch, shortcut

    def forward(self, x):
        return torch.relu_(self.branch(x) + self.shortcut(x))


class _Branches(nn.Module):
    def __init__(self, *branches):
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x):
        return torch.cat([branch(x) for branch in self.branches], 1)


def _conv_bn(channels, filters, size, stride=1, padding=None, epsilon=1e-5):
    convolution = nn.Conv2d(channels, filters, size, stride, _half(size, padding), bias=False)
    return convolution, nn.BatchNorm2d(filters, epsilon)


def _conv_bn_relu(*arguments, **options):
    return *_conv_bn(*arguments, **options), nn.ReLU(inplace=True)


def _conv_relu(channels, filters, size, stride=1):
    return nn.Conv2d(channels, filters, size, stride, size // 2), nn.ReLU(inplace=True)


def _half(size, padding):
    """Return the padding that keeps the map's size, unless another is given."""
    if padding is not None:
        return padding
    return size // 2 if isinstance(size, int) else (size[0] // 2, size[1] // 2)


NETWORKS = {
    network.__name__: network
    for network in (alexnet, googlenet, inception_v3, lenet5, resnet18, resnet20, resnet50, vgg16)
}
