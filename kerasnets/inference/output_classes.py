"""Which output of a network stands for which class of somebody's images."""

import logging
from collections.abc import Sequence

from kerasnets.errors import UserError
from kerasnets.weights.imagenet_classes import OUTPUTS, imagenet_classes, imagenet_outputs

log = logging.getLogger("kerasnets")


def output_classes(
    classes: Sequence[str], outputs: int, *, user: bool
) -> tuple[dict[str, int], tuple[str, ...]]:
    """Return which output stands for each class of the data, and the names of all outputs.

    Args:
        classes: the data's.
        outputs: how many the network has.
        user: whether somebody named the classes for these weights: then integers are outputs of ImageNet's.

    Raises:
        UserError: a class that the network does not have.
    """
    own = {name: place for place, name in enumerate(classes)}, tuple(classes)
    if outputs != OUTPUTS:
        if outputs != len(classes):
            raise UserError(f"found {len(classes)} classes, allowed: {outputs}, as the network has outputs")
        return own
    try:
        found = imagenet_outputs(classes, numbers=user)
    except UserError as error:
        if len(classes) != OUTPUTS:
            raise
        log.info("the data's 1,000 classes are taken in their own order: %s", error)
        return own
    names = tuple(f"{wnid} {name}" for wnid, name in imagenet_classes())
    return dict(zip(classes, found, strict=True)), names
