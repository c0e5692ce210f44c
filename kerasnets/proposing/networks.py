"""Which network a proposal takes, and for which input."""

from dataclasses import dataclass, field
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any

from kerasnets.models import check_name, paper_input
from kerasnets.proposing.facts import DataFacts, MachineFacts

if TYPE_CHECKING:
    from kerasnets.weights.availability import PublishedWeights

SMALL, MIDDLE = 40, 96
"""Short sides in pixels up to which images are of the size of MNIST and CIFAR, and up to three times that."""

LIGHT = ("googlenet", "googlenet_bn", "resnet18", "resnet34", "resnet50", "inception_v3", "vgg16")
"""Networks whose published weights are searched for without a GPU: the cheapest first."""

STRONG = (
    "resnet50",
    "inception_v3",
    "resnet101",
    "resnet34",
    "resnet18",
    "googlenet_bn",
    "googlenet",
    "vgg16",
)
"""Those searched for with one."""

NORMALIZED = ("resnet*", "plain*", "inception*", "*_bn")
"""Patterns of the architectures that batch normalization keeps from diverging at high rates."""


@dataclass(frozen=True, kw_only=True)
class Network:
    """A network and its input.

    Attributes:
        name: a key of `kerasnets.models.BUILDERS`.
        why: it was chosen, in a few words.
        size: height and width of its input in pixels.
        channels: of its input, 1 or 3.
        options: of its builder.
        weights: that it starts from; None for a start from nothing.
    """

    name: str
    why: str
    size: int
    channels: int = 3
    options: dict[str, Any] = field(default_factory=dict)
    weights: "PublishedWeights | None" = None

    @property
    def normalized(self) -> bool:
        """Whether it is known to have batch normalization."""
        return any(fnmatch(self.name, pattern) for pattern in NORMALIZED)


def wants_weights(data: DataFacts) -> bool:
    """Return whether images are photos, for which published weights help; they are of no use to tiny ones."""
    return data.short_side > MIDDLE


def searched_networks(machine: MachineFacts) -> tuple[str, ...]:
    """Return the networks whose published weights suit a machine, the best first."""
    return STRONG if machine.gpus else LIGHT


def choose_network(
    data: DataFacts,
    machine: MachineFacts,
    weights: "PublishedWeights | None" = None,
    *,
    asked: str | None = None,
) -> Network:
    """Return the network for some images on a machine.

    Args:
        data: what the images say.
        machine: what the machine says.
        weights: published ones to start from.
        asked: the architecture that the user wants.

    Raises:
        UserError: there is no architecture `asked`.
    """
    if asked:
        check_name(asked)
    if weights:
        why = "asked for" if asked else "the network of these weights"
        name, size = weights.network, paper_input(weights.network)[0]
        return Network(name=name, why=why, size=size, options=weights.options, weights=weights)
    channels = 1 if data.grey else 3
    if asked:
        return Network(name=asked, why="asked for", size=paper_input(asked)[0], channels=channels)
    seen = f"{data.height}x{data.width} pixels"
    if data.short_side <= SMALL and data.grey:
        return Network(
            name="lenet5",
            why=f"for images like handwritten digits: grey, {seen}",
            size=32,
            channels=1,
            options={"activation": "relu", "pooling": "max"},
        )
    if data.short_side <= MIDDLE:
        size = 32 if data.short_side <= SMALL else 64
        return Network(name="resnet20", why=f"for small images: {seen}", size=size, channels=channels)
    if machine.gpus:
        return Network(name="resnet18", why="for photos", size=224, channels=channels)
    return Network(name="resnet18", why="for photos, small without a GPU", size=128, channels=channels)
