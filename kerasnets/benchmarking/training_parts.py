"""Network, loss and optimizer of a recipe, on any Keras backend."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from kerasnets.benchmarking.case import Case
from kerasnets.losses import class_weighting, example_loss
from kerasnets.optimizers import decayed_variables, make_optimizer
from kerasnets.runs.network import build_network
from kerasnets.weights.freezing import freeze


class TrainingParts:
    """What a training step is made of on JAX and PyTorch, where `kerasnets.training` does not run.

    Args:
        case: with its input's shape and classes.
        rate: learning rate; at zero the work is the same, and nothing can diverge.

    Attributes:
        network: functional `keras.Model` from images to logits and auxiliary heads.
        optimizer: a built Keras optimizer.
    """

    def __init__(self, case: Case, rate: float = 0.0):
        recipe, decay = case.recipe, case.recipe.regularization
        self.network = build_network(
            recipe, case.input_shape, case.classes, precision=case.precision, heads=True
        )
        if recipe.model.freeze:
            freeze(self.network, recipe.model.freeze)
        variables = self.network.trainable_variables
        decayed = {
            id(v)
            for v in decayed_variables(self.network, biases=decay.biases, normalization=decay.normalization)
        }
        spared = [v for v in variables if id(v) not in decayed]
        options = recipe.optimizer.model_dump() | {"learning_rate": rate}
        self.optimizer = make_optimizer(**options, decoupled=decay.decoupled, spared=spared)
        if case.precision == "mixed_float16":
            self.optimizer = keras.optimizers.LossScaleOptimizer(self.optimizer)
        self.optimizer.build(variables)
        self.network.compile(optimizer=self.optimizer, auto_scale_loss=False)
        self._loss = example_loss(**recipe.loss.options())
        self._weighting = None
        if case.class_weights:
            self._weighting = class_weighting(case.class_weights, case.classes)
        self._auxiliary_weight = recipe.loss.auxiliary_weight
        self._l2 = decay.l2
        self._decayed = [index for index, v in enumerate(variables) if id(v) in decayed]

    def loss(self, labels: Any, outputs: Sequence[Any], trainable: Sequence[Any]) -> Any:
        """Return the mean loss with its penalty.

        Args:
            labels: (B, classes).
            outputs: logits (B, classes), the main ones first.
            trainable: values of the trainable variables.
        """
        weights = 1.0
        if self._weighting:
            labels, weights = self._weighting(labels)
        main, *heads = (self._loss(labels, logits) for logits in outputs)
        loss = ops.mean(weights * (main + self._auxiliary_weight * sum(heads)))
        if self._l2:
            loss += self._l2 / 2 * sum(ops.sum(ops.square(trainable[index])) for index in self._decayed)
        return loss
