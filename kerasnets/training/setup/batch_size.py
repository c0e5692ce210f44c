"""`train.batch_size = "auto"`: the largest batch whose training fits into memory, within reason.

It is a power of two times what devices, parts and streams divide a batch by; at most `MOST` examples, because
larger batches are hardly faster and generalize worse (Keskar 2016, section 2.1, against batches of 256); and
so small that an epoch has `STEPS` steps.
"""

import math
from dataclasses import dataclass

import keras
import tensorflow as tf
from tensorflow.python.client import device_lib

from kerasnets.errors import UserError
from kerasnets.memory import available_memory
from kerasnets.recipe import Recipe
from kerasnets.runs.training_memory import memory_of_batch
from kerasnets.sizing.tables import bytes_text

MOST = 256
"""Examples in a batch that was not asked for by number."""

STEPS = 8
"""Steps that an epoch has at least, where there are as many images."""

SHARE_OF_HOST = 0.5
"""Part of the host's free memory: TensorFlow, decoded images and other programs have the rest."""

SHARE_OF_GPU = 0.75
"""Part of a GPU's memory: gaps between buffers and workspaces of convolutions have the rest."""


@dataclass(frozen=True)
class Room:
    """The memory for a training.

    Attributes:
        allowed: bytes.
        on_gpu: whether they are of each GPU; otherwise of the host, for all devices together.
    """

    allowed: float
    on_gpu: bool

    def __str__(self) -> str:
        share, of = (SHARE_OF_GPU, "a GPU's") if self.on_gpu else (SHARE_OF_HOST, "the free")
        return f"{bytes_text(int(self.allowed))}, {share:.0%} of {of} memory"


def training_room() -> Room:
    """Return the memory that this process may train in."""
    if not tf.config.list_logical_devices("GPU"):
        return Room(SHARE_OF_HOST * available_memory(), on_gpu=False)
    # after the line above, which has TensorFlow take the GPUs as it was told to: growing
    gpus = [device for device in device_lib.list_local_devices() if device.device_type == "GPU"]
    return Room(SHARE_OF_GPU * min(gpu.memory_limit for gpu in gpus), on_gpu=True)


def batch_unit(recipe: Recipe, devices: int) -> int:
    """Return what a batch must be a multiple of."""
    return math.lcm(devices * recipe.train.accumulation, recipe.data.streams)


def choose_batch(
    recipe: Recipe, network: keras.Model, *, images: int, devices: int, room: Room
) -> tuple[int, str]:
    """Return how many examples a step takes, and why, in words.

    Args:
        recipe: of the training.
        network: with auxiliary heads; one built in `shapes_only` is enough.
        images: of the training split.
        devices: how many share a batch.
        room: the memory for it.

    Raises:
        UserError: not even the smallest batch fits.
    """
    unit = batch_unit(recipe, devices)
    batch, reason = unit, ""

    def taken(batch: int) -> int:
        found = memory_of_batch(network, recipe, batch, devices=devices)
        return found["device"] if room.on_gpu else devices * found["device"] + found["host"]

    if taken(unit) > room.allowed:
        raise UserError(
            f"{recipe.origin}: train.batch_size: found 'auto', allowed: a number: by the estimate {unit} "
            f"images take {bytes_text(taken(unit))}, which does not fit into {room}"
        )
    while not reason:
        more = 2 * batch
        if more > MOST:
            reason = "the most that is taken unasked"
        elif more * STEPS > images:
            reason = f"with twice as many an epoch of {images:,} images had fewer than {STEPS} steps"
        elif taken(more) > room.allowed:
            reason = f"twice as many would take about {bytes_text(taken(more))}, more than {room}"
        else:
            batch = more
    return batch, f"{reason}; the training takes about {bytes_text(taken(batch))}"
