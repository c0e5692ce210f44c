"""All that a run needs before anything is written: images, preprocessing, and a network ready to fit."""

from dataclasses import dataclass

import keras

from kerasnets import models
from kerasnets.data.dataset import Dataset
from kerasnets.data.pipeline import spatial_batches
from kerasnets.data.preprocessing import Preprocessing, moments
from kerasnets.data.sources import load_dataset
from kerasnets.errors import UserError
from kerasnets.initialization import initialize
from kerasnets.losses import example_loss
from kerasnets.optimization import decayed_variables, make_optimizer
from kerasnets.training.replicated_model import ReplicatedModel
from kerasnets.weights.freezing import freeze
from kerasnets.weights.loading import load_weights


@dataclass(frozen=True)
class Prepared:
    """All that a run needs before anything is written.

    Attributes:
        recipe: the `Recipe`.
        dataset: its images.
        preprocessing: with statistics of the training split.
        operations: augmentation tables with numbers for `fill`.
    """

    recipe: object
    dataset: Dataset
    preprocessing: Preprocessing
    operations: list

    @property
    def steps_per_epoch(self):
        """Optimizer steps in an epoch; the images that fill no whole batch wait for another epoch."""
        return len(self.dataset.train) // self.recipe.train.batch_size


def recipe_dataset(recipe):
    """Load the images a recipe names, split as it says."""
    data = recipe.data
    return load_dataset(
        data.source, data.path, data.channels, data.validation, data.test, recipe.train.seed, data.workers
    )


def prepare(recipe):
    """Load the data of a recipe and take the statistics its preprocessing needs."""
    dataset = recipe_dataset(recipe)
    if len(dataset.train) < recipe.train.batch_size:
        raise UserError(
            f"{recipe.origin}: train.batch_size: found {recipe.train.batch_size}, "
            f"allowed: up to {len(dataset.train)}, the training images there are"
        )
    preprocessing = Preprocessing([step.model_dump() for step in recipe.preprocess], dataset.image_shape)

    def batches():
        return spatial_batches(dataset.train, preprocessing, recipe.data.workers)

    preprocessing.fit(batches)
    operations = [operation.model_dump() for operation in recipe.augment]
    if any(operation.get("fill") == "mean" for operation in operations):
        mean, _ = moments(batches())
        operations = [{**o, "fill": mean.tolist()} if o.get("fill") == "mean" else o for o in operations]
    return Prepared(recipe, dataset, preprocessing, operations)


def make_model(prepared, strategy, from_start=True):
    """Build, initialize and compile the network of a prepared run under `strategy`.

    Args:
        prepared: the `Prepared` run.
        strategy: a `tf.distribute.Strategy`.
        from_start: whether the run's first weights are wanted; a resumed run has its own.

    Returns:
        The `ReplicatedModel` to fit, and the plain functional network whose layers it trains.
    """
    recipe = prepared.recipe
    keras.utils.set_random_seed(recipe.train.seed)
    with strategy.scope():
        network = build_network(recipe, prepared.preprocessing.output_shape, len(prepared.dataset.classes))
        _start(network, recipe, from_start)
        loss_metric = keras.metrics.Mean(name="loss")
        accuracy_metric = keras.metrics.CategoricalAccuracy(name="accuracy")
    decay = recipe.regularization
    decayed = decayed_variables(network, decay.biases, decay.normalization)
    loss = example_loss(**recipe.loss.model_dump())
    model = ReplicatedModel(network, loss, loss_metric, accuracy_metric, decay.l2, decayed)
    with strategy.scope():
        chosen = {id(variable) for variable in decayed}
        spared = [v for v in network.trainable_variables if id(v) not in chosen]
        optimizer = make_optimizer(**recipe.optimizer.model_dump(), decoupled=decay.decoupled, spared=spared)
        optimizer.build(network.trainable_variables)
        model.compile(optimizer=optimizer, jit_compile=False)
    return model, network


def _start(network, recipe, from_start):
    """Draw the weights, put published ones in their place, and freeze what is not to be trained."""
    key = "initialization"
    try:
        initialize(network, **recipe.initialization.model_dump(), seed=recipe.train.seed)
        if recipe.model.weights and from_start:
            key = "model.weights"
            load_weights(network, recipe.model.weights, recipe.model.new_head)
        if recipe.model.freeze:
            key = "model.freeze"
            freeze(network, recipe.model.freeze)
    except (UserError, ValueError) as error:
        raise UserError(f"{recipe.origin}: {key}: {error}") from error


def build_network(recipe, input_shape, classes):
    """Build the architecture of a recipe for its data."""
    try:
        network = models.build(recipe.model.name, input_shape, classes, **recipe.model.options)
    except UserError as error:
        raise UserError(f"{recipe.origin}: model: {error}") from error
    if len(network.outputs) > 1:
        raise UserError(
            f"{recipe.origin}: model.options.auxiliary: found true, allowed: false: "
            "recipes train a network's main logits alone"
        )
    return network
