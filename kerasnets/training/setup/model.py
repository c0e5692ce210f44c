"""From a run's inputs to the trainer of its network."""

from collections.abc import Sequence

import keras
import tensorflow as tf

from kerasnets.data.dataset import Dataset
from kerasnets.errors import UserError
from kerasnets.initializers import initialize
from kerasnets.losses import class_factors, class_weighting, example_loss
from kerasnets.optimizers import decayed_variables, make_optimizer
from kerasnets.recipe import Recipe
from kerasnets.runs.network import build_network
from kerasnets.terminal import phase
from kerasnets.training.fit.objective import Objective
from kerasnets.training.fit.options import StepOptions
from kerasnets.training.fit.trainer import Trainer
from kerasnets.training.position import RunPhase, run_phases
from kerasnets.training.setup.input_check import warn_of_other_input
from kerasnets.training.setup.inputs import ListedInputs, TrainingInputs
from kerasnets.training.setup.warm_start import copy_layers
from kerasnets.weights.freezing import freeze, train_only
from kerasnets.weights.loading import load_weights
from kerasnets.weights.published_input import ValueSteps


def make_trainer(
    inputs: TrainingInputs | ListedInputs, strategy: tf.distribute.Strategy, *, first_weights: bool = True
) -> tuple[Trainer, keras.Model]:
    """Build and initialize the network of a run under a strategy, and what trains it.

    Args:
        inputs: of the run.
        strategy: the devices that share the work.
        first_weights: whether to read the weights that the run starts from; a resumed run has its own.

    Returns:
        The trainer, and the plain functional network, from images to the main logits, whose layers it trains.
    """
    phase("building the network")
    recipe = inputs.recipe
    train = recipe.train
    keras.utils.set_random_seed(train.seed)
    with strategy.scope():
        network = build_network(
            recipe,
            inputs.preprocessing.output_shape,
            inputs.dataset.classes,
            precision=train.precision,
            heads=True,
        )
        published = draw_first_weights(network, recipe, read=first_weights)
        if published is not None:
            warn_of_other_input(recipe, inputs.preprocessing, published)
        if train.synchronized_batch_norm:
            synchronize(network)
        phases = run_phases(recipe)
        for each in reversed(phases):  # all are checked, and the first one stays
            choose_trained(network, recipe, each)
        main = keras.Model(network.inputs, network.outputs[0], name=network.name)
        options = StepOptions(
            accumulation=train.accumulation,
            xla=train.xla,
            scale_loss=train.precision == "mixed_float16",
            max_bad_steps=train.max_bad_steps,
            seed=train.seed,
            record_every=recipe.diagnostics.steps_every,
        )
        parts = _optimizer_and_objective(network, main, inputs, rate=phases[0].rate)
        return Trainer(network, *parts, options=options), main


def begin_phase(trainer: Trainer, main: keras.Model, inputs: TrainingInputs, *, phase: RunPhase) -> None:
    """Have a trainer begin a phase: its layers, an optimizer that holds nothing yet, its penalty.

    Args:
        trainer: of the run.
        main: the plain network, whose layers it trains.
        inputs: of the run.
        phase: which one.
    """
    choose_trained(trainer.model, inputs.recipe, phase)
    with trainer.scope():
        trainer.begin(*_optimizer_and_objective(trainer.model, main, inputs, rate=phase.rate))


def choose_trained(network: keras.Model, recipe: Recipe, phase: RunPhase) -> None:
    """Freeze what is not trained in a phase.

    Raises:
        UserError: the recipe names layers that are not there, or nothing would be trained.
    """
    key = f"train.phases.{phase.number}.trainable"
    try:
        if recipe.train.phases:
            train_only(network, phase.layers)
        if recipe.model.freeze:
            key = "model.freeze"
            freeze(network, recipe.model.freeze)
    except UserError as error:
        raise UserError(f"{recipe.origin}: {key}: {error}") from error


def _optimizer_and_objective(
    network: keras.Model, main: keras.Model, inputs: TrainingInputs | ListedInputs, *, rate: float
) -> tuple[keras.optimizers.Optimizer, Objective]:
    """Return what updates those layers of a network that are trainable now, and what is minimized."""
    recipe, decay = inputs.recipe, inputs.recipe.regularization
    decayed = decayed_variables(network, biases=decay.biases, normalization=decay.normalization)
    chosen = {id(variable) for variable in decayed}
    spared = [v for v in network.trainable_variables if id(v) not in chosen]
    table = recipe.optimizer.model_dump() | {"learning_rate": rate}
    optimizer = make_optimizer(**table, decoupled=decay.decoupled, spared=spared)
    decayed_in_main = decayed_variables(main, biases=decay.biases, normalization=decay.normalization)
    return optimizer, _objective(recipe, inputs.dataset, decayed=decayed, decayed_in_main=decayed_in_main)


def synchronize(network: keras.Model) -> None:
    """Let a network's batch normalizations take their moments over all replicas."""
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = True


def _objective(
    recipe: Recipe,
    dataset: Dataset,
    *,
    decayed: Sequence[keras.Variable],
    decayed_in_main: Sequence[keras.Variable],
) -> Objective:
    weighting = None
    if recipe.loss.class_weights:
        try:
            factors = class_factors(recipe.loss.class_weights, dataset.classes, dataset.train.labels)
            weighting = class_weighting(factors, len(dataset.classes))
        except UserError as error:
            raise UserError(f"{recipe.origin}: {error}") from None
    return Objective(
        example_loss(**recipe.loss.options()),
        measure="mean_absolute_error" if dataset.numeric else "accuracy",
        weighting=weighting,
        auxiliary_weight=recipe.loss.auxiliary_weight,
        l2=recipe.regularization.l2,
        decayed=decayed,
        decayed_in_evaluation=decayed_in_main,
    )


def draw_first_weights(network: keras.Model, recipe: Recipe, *, read: bool = True) -> ValueSteps | None:
    """Draw the weights of a network by `train.seed`, and put those of others in their place.

    Args:
        network: as `make_trainer` builds it.
        recipe: of the run.
        read: whether to read the weights of others that the run starts from.

    Returns:
        How images were prepared for published weights, see `load_weights`; None without such.

    Raises:
        UserError: the recipe's start does not fit the network.
    """
    key, start = "initialization", recipe.initialization
    try:
        initialize(network, **start.drawn(), seed=recipe.train.seed)
        if start.from_run and read:
            key = "initialization.from_run"
            copy_layers(network, start.from_run, start.from_layers)
        if recipe.model.weights and read:
            key = "model.weights"
            return load_weights(network, recipe.model.weights, new_head=recipe.model.new_head)
    except (UserError, ValueError) as error:
        raise UserError(f"{recipe.origin}: {key}: {error}") from error
    return None
