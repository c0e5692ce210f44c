"""The numbers of a proposal: how many images in a step, how many epochs."""

from dataclasses import dataclass, replace

from kerasnets.proposing.facts import DataFacts, MachineFacts
from kerasnets.proposing.networks import Network

SEEN, SEEN_BY_LENET = 2_000_000, 600_000
"""Images that a network from nothing sees in all its epochs, repetitions counted."""

MOST_EPOCHS, FEWEST_EPOCHS = 100, 10
"""Of a training from nothing, where nobody limits its time."""

HEAD_EPOCHS, TUNED_EPOCHS = 30, 5
"""Of a new classifier on features that are computed once, and of the upper layers with it."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is decided before anything is written down.

    Attributes:
        data: what the images say.
        machine: what the machine says.
        network: with its input, and the weights that it starts from.
        batch: images in a step.
        epochs: of a training from nothing, or of the upper layers of published weights; the new classifier
            on top of these has `HEAD_EPOCHS` before.
        why: it has so many.
    """

    data: DataFacts
    machine: MachineFacts
    network: Network
    batch: int
    epochs: int
    why: str

    def paced(self, epochs: int, why: str) -> "Plan":
        """Return the plan with fewer epochs, and why."""
        return replace(self, epochs=epochs, why=why)


def make_plan(data: DataFacts, machine: MachineFacts, network: Network) -> Plan:
    """Return what is decided where nobody limits time."""
    images = data.images["train"]
    batch = min(_batch(images, machine, network), _most(images))
    epochs, why = (TUNED_EPOCHS, "more gain little") if network.weights else (_epochs(images, network), "")
    if not why:
        why = f"{images:,} images: few want many epochs" if epochs == MOST_EPOCHS else f"of {images:,} images"
    return Plan(data=data, machine=machine, network=network, batch=batch, epochs=epochs, why=why)


def _batch(images: int, machine: MachineFacts, network: Network) -> int:
    """Return the images of a step: small data sets need many steps, large images much memory."""
    if network.weights or images < 2000:
        return 32
    if network.size > 64:
        return 128 if machine.gpus else 64
    return 128


def _most(images: int) -> int:
    """Return the largest power of two of which so many images fill four batches, at least 2."""
    return max(2, 1 << max(1, images // 4).bit_length() - 1)


def _epochs(images: int, network: Network) -> int:
    seen = SEEN_BY_LENET if network.name == "lenet5" else SEEN
    return min(MOST_EPOCHS, max(FEWEST_EPOCHS, round(seen / images)))
