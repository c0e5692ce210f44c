"""Sweeps over architectures: each kind by `make test-all`, its deeper siblings by `make study`."""

from collections.abc import Collection

import pytest

from kerasnets.models import BUILDERS

DEEPER = {
    *("vgg13", "vgg13_bn", "vgg19", "vgg19_bn", "plain34", "resnet34", "resnet101", "resnet152"),
    *("plain32", "plain44", "plain56", "resnet32", "resnet44", "resnet56", "resnet110", "resnet1202"),
    *("plain_cifar", "resnet_cifar"),
}
"""Those that have the layers of another one, more of them."""


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
    return pytest.param(name, marks=pytest.mark.slow if name in DEEPER else pytest.mark.exhaustive)
