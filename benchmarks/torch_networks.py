"""The benchmarked networks in PyTorch, by hand: the layers that `kerasnets.build` gives, without dropout."""

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
            blocks.append(_Bottleneck(channels, filters, 2 if filters > 64 and number == 0 else 1))
            channels = 4 * filters
    stem = [*_conv_bn(3, 64, 7, 2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)]
    return nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2048, 1000))


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


class _Bottleneck(nn.Module):
    def __init__(self, channels, filters, stride):
        super().__init__()
        first = [*_conv_bn(channels, filters, 1, stride), nn.ReLU(inplace=True)]
        second = [*_conv_bn(filters, filters, 3), nn.ReLU(inplace=True)]
        self.branch = nn.Sequential(*first, *second, *_conv_bn(filters, 4 * filters, 1))
        same = channels == 4 * filters
        self.shortcut = nn.Identity() if same else nn.Sequential(*_conv_bn(channels, 4 * filters, 1, stride))

    def forward(self, x):
        return torch.relu_(self.branch(x) + self.shortcut(x))


def _conv_bn(channels, filters, size, stride=1):
    return nn.Conv2d(channels, filters, size, stride, size // 2, bias=False), nn.BatchNorm2d(filters)


NETWORKS = {network.__name__: network for network in (lenet5, resnet20, resnet50, vgg16)}
