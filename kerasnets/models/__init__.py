"""Every architecture by name. `build` is the way to one; each file here is one paper."""

import inspect
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from kerasnets.errors import UserError, nearest

if TYPE_CHECKING:
    import keras

BUILDERS = {
    "lenet5": "lenet",
    "lenet5_1998": "lenet",
    "convnet10": "convnet",
    "alexnet": "alexnet",
    "alexnet_grouped": "alexnet",
    "alexnet_owt": "alexnet",
    "zfnet": "zfnet",
    "zfnet_small": "zfnet",
    "vgg11": "vgg",
    "vgg11_bn": "vgg",
    "vgg13": "vgg",
    "vgg13_bn": "vgg",
    "vgg16": "vgg",
    "vgg16_bn": "vgg",
    "vgg19": "vgg",
    "vgg19_bn": "vgg",
    "googlenet": "inception.googlenet",
    "googlenet_bn": "inception.googlenet",
    "inception_v2": "inception.inception_v2",
    "inception_v3": "inception.inception_v3",
    "inception_v4": "inception.inception_v4",
    "inception_resnet_v1": "inception.inception_resnet",
    "inception_resnet_v2": "inception.inception_resnet",
    "plain18": "resnet",
    "plain34": "resnet",
    "resnet18": "resnet",
    "resnet34": "resnet",
    "resnet50": "resnet",
    "resnet101": "resnet",
    "resnet152": "resnet",
    "plain20": "resnet_cifar",
    "plain32": "resnet_cifar",
    "plain44": "resnet_cifar",
    "plain56": "resnet_cifar",
    "plain_cifar": "resnet_cifar",
    "resnet20": "resnet_cifar",
    "resnet32": "resnet_cifar",
    "resnet44": "resnet_cifar",
    "resnet56": "resnet_cifar",
    "resnet110": "resnet_cifar",
    "resnet1202": "resnet_cifar",
    "resnet_cifar": "resnet_cifar",
}
"""Architecture name to the module of this package whose function of the same name builds it."""


def build(
    name: str, input_shape: Sequence[int] | None = None, classes: int | None = None, **options: Any
) -> "keras.Model":
    """Build an architecture.

    Args:
        name: a key of `BUILDERS`.
        input_shape: (height, width, channels) of the images; by default the paper's.
        classes: number of logits; by default the paper's.
        **options: further arguments of that architecture's builder.

    Returns:
        A functional `keras.Model` from images (N, height, width, channels) to logits (N, classes).

    Raises:
        UserError: unknown name or option, or an input that the architecture's geometry does not allow.

    Example:
        >>> kerasnets.build("resnet_cifar", classes=100, depth=14).output_shape
        (None, 100)
    """
    builder = _builder(name, options)
    given = {"input_shape": input_shape, "classes": classes}
    given = {key: value for key, value in given.items() if value is not None}
    try:
        return builder(**given, **options)
    except (ValueError, TypeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(f"{name} cannot be built with {given | options}: {reason}") from error


def paper_input(name: str) -> tuple[int, int, int]:
    """Return the (height, width, channels) of the images that architecture `name` is built for by default."""
    return inspect.signature(_builder(name, ())).parameters["input_shape"].default


def check_name(name: str) -> None:
    """Raise UserError unless `name` is an architecture. Loads nothing."""
    if name not in BUILDERS:
        raise UserError(f"unknown model {name!r}, allowed: {', '.join(BUILDERS)}{nearest(name, BUILDERS)}")


def check_options(name: str, options: Iterable[str]) -> None:
    """Raise UserError unless the builder of architecture `name` takes all of `options`."""
    _builder(name, options)


def _builder(name: str, options: Iterable[str]) -> Callable[..., "keras.Model"]:
    check_name(name)
    builder = getattr(import_module(f"{__name__}.{BUILDERS[name]}"), name)
    allowed = [key for key in inspect.signature(builder).parameters if key not in ("input_shape", "classes")]
    for key in options:
        if key not in allowed:
            known = ", ".join(allowed) or "none"
            raise UserError(f"{name} has no option {key!r}, allowed: {known}{nearest(key, allowed)}")
    return builder
