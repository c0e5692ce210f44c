"""Sweeps over architectures: each kind by `make test-all`, its siblings by `make study`."""

from collections.abc import Collection

import pytest

from kerasnets.models import BUILDERS

KINDS = {
    *("lenet5", "convnet10", "alexnet_grouped", "zfnet", "vgg11_bn", "googlenet"),
    *("inception_v3", "inception_resnet_v2", "resnet50", "resnet20"),
}
"""Those that together have every kind of layer and block."""


def sweep_architectures(*, quick: Collection[str] = (), leave_out: Collection[str] = ()) -> list:
    """Return parameters for `pytest.mark.parametrize`.

    Args:
        quick: those that `make test` runs too.
        leave_out: those that are never run.
    """
    return [_marked(name, quick) for name in BUILDERS if name not in leave_out]


def _marked(name, quick):
    if name in quick:
        return name
    return pytest.param(name, marks=pytest.mark.exhaustive if name in KINDS else pytest.mark.slow)
