"""What the frozen part of a network puts out for the images of a run, computed once."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from kerasnets.data.dataset import Split
from kerasnets.data.pipeline.batches import feature_batches, features_in_order
from kerasnets.memory import available_memory
from kerasnets.runs.folding import as_graph
from kerasnets.sizing.tables import bytes_text
from kerasnets.terminal import counter, say
from kerasnets.training.fit.frozen_part import frozen_part
from kerasnets.training.setup.inputs import TrainingInputs


@dataclass(frozen=True, kw_only=True)
class Features:
    """What a phase is trained on in place of images.

    Attributes:
        inputs: of the run.
        above: the part of the network that is run, from features to outputs.
        train, validation: float32 (N, …), of the images of these splits in their order; None of no images.
    """

    inputs: TrainingInputs
    above: keras.Model
    train: np.ndarray
    validation: np.ndarray | None

    def training_batches(self, first_epoch: int, first_step: int) -> tf.data.Dataset:
        """Return the batches of the run from (first_epoch, first_step) on; of the examples that they hold."""
        inputs = self.inputs
        return feature_batches(
            self.train,
            inputs.dataset.train,
            plan=inputs.plan.starting_at(first_epoch, first_step),
            classes=len(inputs.dataset.classes),
            reading=inputs.reading,
        )

    def validation_batches(self) -> tf.data.Dataset | None:
        """Return the validation split once, in order; None without one."""
        inputs, split = self.inputs, self.inputs.dataset.validation
        if split is None or self.validation is None:
            return None
        return features_in_order(
            self.validation,
            split,
            batch_size=inputs.recipe.train.evaluation_batch,
            classes=len(inputs.dataset.classes),
            reading=inputs.reading,
        )


def frozen_features(
    inputs: TrainingInputs, network: keras.Model, *, read_again: bool, check: Callable[[], None]
) -> Features | None:
    """Compute what the part below all that is trained puts out, prepared as for an evaluation.

    Args:
        inputs: of the run; its operations are not applied.
        network: from images to outputs; its layers that are not trained are frozen.
        read_again: whether the run reads the images again later, so that it is worth to keep them decoded.
        check: called from time to time; may raise.

    Returns:
        None where nothing is frozen below the rest, on several hosts, or where it does not fit into
        `data.cache_gib` or memory.
    """
    part = frozen_part(network)
    if part is None or inputs.plan.hosts > 1:
        return None
    dataset, validation = inputs.dataset, inputs.dataset.validation
    images = len(dataset.train) + (len(validation) if validation else 0)
    size = 4 * images * math.prod(part.below.output_shape[1:])
    what = f"the outputs of {part.layer} for {images:,} images ({bytes_text(size)})"
    if why := _not_kept(inputs, size):
        say(f"computed in each step, and not once: {what}: {why}")
        return None

    def computed(split: Split) -> np.ndarray:
        batches = inputs.evaluation_batches(split, repeated=read_again)
        return _outputs(part.below, batches, len(split), check=check)

    say(f"computed once: {what}")
    return Features(
        inputs=inputs,
        above=part.above,
        train=computed(dataset.train),
        validation=computed(validation) if validation else None,
    )


def _not_kept(inputs: TrainingInputs, size: int) -> str:
    """Return why so many bytes are not to be kept in memory, or nothing where they are."""
    data, available = inputs.recipe.data, available_memory()
    if data.cache == "none":
        return 'data.cache = "none" keeps nothing'
    if size > data.cache_gib * 2**30:
        return f"data.cache_gib keeps up to {data.cache_gib:g} GiB"
    return f"{bytes_text(available)} of memory are free" if size > available else ""


def _outputs(
    below: keras.Model, batches: tf.data.Dataset, count: int, *, check: Callable[[], None]
) -> np.ndarray:
    """Return a network's outputs for all images of some batches, float32 (count, …)."""
    images = tf.TensorSpec([None, *below.input_shape[1:]], tf.float32)
    run = as_graph(lambda batch: tf.cast(below(batch, training=False), tf.float32), images)
    found = np.empty((count, *below.output_shape[1:]), "float32")
    show, done = counter("computing what is frozen"), 0
    for batch, *_ in batches:
        outputs = run(batch).numpy()
        found[done : done + len(outputs)] = outputs
        done += len(outputs)
        show(done, count)
        check()
    return found
