"""Rules over the records of a training: pure functions from records to what is wrong now.

Two faults have no rule. `input_bound`: batches are fetched within the execution that trains on them, in
Keras's `fit` on every backend and in our own training, so that what is recorded of time is both together; it
would take a clock inside the compiled step. `noisy_filters`: filters of sound trainings are as rough as noise
where they have moved little from their draw (LeNet-5 on patches of photographs, accuracy 0.91: 2.03 by the
measure of `kerasnets.studies.filters.roughness`, which is 2 for noise), so that a rule would warn of them.
`validation_leak` is a check before training, `kerasnets.diagnosis.checks.splits`: validation examples among
the training ones make the two alike, which no record tells from good generalization.
"""

from collections.abc import Callable

from kerasnets.diagnosis.finding import Finding
from kerasnets.diagnosis.records import Records
from kerasnets.diagnosis.rules.generalization import (
    batchnorm_mode,
    label_noise,
    overfitting,
    underfitting,
    validation_differs,
)
from kerasnets.diagnosis.rules.gradients import exploding_gradients, vanishing_gradients
from kerasnets.diagnosis.rules.losses import (
    loss_flat,
    loss_oscillating,
    loss_rising,
    not_finite,
    stuck_at_chance,
    stuck_at_majority,
)
from kerasnets.diagnosis.rules.rates import rate_too_high, rate_too_low
from kerasnets.diagnosis.rules.setting import batchnorm_small_batch, loss_scale_dying, unshuffled
from kerasnets.diagnosis.rules.signals import (
    dead_units,
    exploding_activations,
    saturated_units,
    vanishing_activations,
)
from kerasnets.diagnosis.rules.weights import constant_weights, dead_filters

RULES: tuple[Callable[[Records], list[Finding]], ...] = (
    *(not_finite, constant_weights, exploding_gradients, rate_too_high, rate_too_low),
    *(vanishing_activations, exploding_activations, vanishing_gradients, dead_units, saturated_units),
    *(stuck_at_majority, stuck_at_chance, loss_flat, loss_rising, loss_oscillating),
    *(overfitting, underfitting, validation_differs, label_noise, batchnorm_mode),
    *(batchnorm_small_batch, unshuffled, loss_scale_dying, dead_filters),
)
"""All rules, in the order in which their findings are told."""
