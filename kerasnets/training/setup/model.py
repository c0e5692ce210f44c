"""From a run's inputs to the model that trains its network."""

import keras

from kerasnets.errors import UserError
from kerasnets.initializers import initialize
from kerasnets.losses import class_weighting, example_loss
from kerasnets.optimizers import decayed_variables, make_optimizer
from kerasnets.runs.network import build_network
from kerasnets.terminal import phase
from kerasnets.training.fit.objective import Objective
from kerasnets.training.fit.trainer import Trainer
from kerasnets.training.setup.input_check import warn_of_other_input
from kerasnets.training.setup.warm_start import copy_layers
from kerasnets.weights.freezing import freeze
from kerasnets.weights.loading import load_weights


def make_model(inputs, strategy, from_start=True):
    """Build, initialize and compile the network of a run under `strategy`.

    Args:
        inputs: the `TrainingInputs`, or already the `ListedInputs`.
        strategy: a `tf.distribute.Strategy`.
        from_start: whether the run's first weights are wanted; a resumed run has its own.

    Returns:
        The `Trainer` to fit, and the plain functional network, from images to the main logits, whose
        layers it trains.
    """
    phase("building the network")
    recipe, dataset = inputs.recipe, inputs.dataset
    train, decay = recipe.train, recipe.regularization
    keras.utils.set_random_seed(train.seed)
    with strategy.scope():
        network = build_network(
            recipe, inputs.preprocessing.output_shape, dataset.classes, train.precision, heads=True
        )
        _start(network, inputs, from_start)
        if train.synchronized_batch_norm:
            synchronize(network)
        decayed = decayed_variables(network, biases=decay.biases, normalization=decay.normalization)
        chosen = {id(variable) for variable in decayed}
        spared = [v for v in network.trainable_variables if id(v) not in chosen]
        optimizer = make_optimizer(**recipe.optimizer.model_dump(), decoupled=decay.decoupled, spared=spared)
        optimizer.build(network.trainable_variables)
        main = keras.Model(network.inputs, network.outputs[0], name=network.name)
        measured = decayed_variables(main, biases=decay.biases, normalization=decay.normalization)
        model = Trainer(
            network, _objective(recipe, dataset, decayed, measured), train.accumulation, train.xla,
            train.precision == "mixed_float16", train.max_bad_steps, train.seed,
        )  # fmt: skip
        # the loss scale is the step's own, because it has to know of it before it updates
        model.compile(optimizer=optimizer, jit_compile=False, auto_scale_loss=False)
    return model, main


def synchronize(network):
    """Let a network's batch normalizations take their moments over all replicas."""
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = True


def _objective(recipe, dataset, decayed, measured):
    weighting = None
    if recipe.loss.class_weights:
        try:
            weighting = class_weighting(recipe.loss.class_weights, len(dataset.classes))
        except UserError as error:
            raise UserError(f"{recipe.origin}: {error}") from None
    return Objective(
        example_loss(**recipe.loss.options()),
        "mean_absolute_error" if dataset.numeric else "accuracy",
        weighting,
        recipe.loss.auxiliary_weight,
        recipe.regularization.l2,
        decayed,
        measured,
    )


def _start(network, inputs, from_start):
    """Draw the weights, put those of others in their place, and freeze what is not to be trained."""
    recipe = inputs.recipe
    key, start = "initialization", recipe.initialization
    try:
        initialize(network, **start.drawn(), seed=recipe.train.seed)
        if start.from_run and from_start:
            key = "initialization.from_run"
            copy_layers(network, start.from_run, start.from_layers)
        if recipe.model.weights and from_start:
            key = "model.weights"
            published = load_weights(network, recipe.model.weights, new_head=recipe.model.new_head)
            warn_of_other_input(recipe, inputs.preprocessing, published)
        if recipe.model.freeze:
            key = "model.freeze"
            freeze(network, recipe.model.freeze)
    except (UserError, ValueError) as error:
        raise UserError(f"{recipe.origin}: {key}: {error}") from error
