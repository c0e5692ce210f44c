"""What follows what in a model: activations, normalizations, dropout."""

from collections.abc import Iterator

import keras

from kerasnets.diagnosis.checks.model import DROPOUT, activation_name
from kerasnets.diagnosis.checks.subject import Subject
from kerasnets.diagnosis.checks.trace import Call, Trace
from kerasnets.diagnosis.finding import Finding

MIXING = (
    *("Dense", "Conv1D", "Conv2D", "Conv3D", "Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"),
    *("SeparableConv1D", "SeparableConv2D"),
)
"""Kinds of layers that take weighted sums over all channels."""

LINEAR = (
    *("Flatten", "Reshape", "Permute", "Identity", "Cast"),
    *("Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "GaussianDropout"),
    *("ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D", "Cropping1D", "Cropping2D", "Cropping3D"),
    *("AveragePooling1D", "AveragePooling2D", "AveragePooling3D"),
    *("GlobalAveragePooling1D", "GlobalAveragePooling2D", "GlobalAveragePooling3D"),
    *("BatchNormalization", "Rescaling", "UpSampling1D", "UpSampling2D", "UpSampling3D"),
)
"""Kinds of layers that are linear in inference. A batch normalization is: two layers around it are one."""

ELEMENTWISE = (
    *("Activation", "ReLU", "LeakyReLU", "PReLU", "ELU"),
    *("MaxPooling1D", "MaxPooling2D", "MaxPooling3D", "AveragePooling1D", "AveragePooling2D"),
    *("AveragePooling3D", "Flatten", "Reshape", "Permute", "Identity", "Relu"),
)
"""Kinds of layers that leave the scale of their inputs about as it is."""


def no_nonlinearity(subject: Subject) -> Iterator[Finding]:
    """Find layers of weighted sums whose outputs reach further such layers by linear ways only.

    Left alone are layers whose output is added to something (linear projections of residual branches), one
    of whose ways passes something nonlinear, depthwise ones, and bottlenecks: a layer narrower than what it
    takes and than what follows is a factorization by design (Sandler 2018, linear bottlenecks).
    """
    traced, pairs = subject.traced, []
    for index, call in enumerate(traced.calls):
        followers = _linear_followers(traced, index) if _is_linear_sum(call) else None
        if followers and not any(_bottleneck(call, traced.calls[each]) for each in followers):
            pairs.append((call, traced.calls[followers[0]]))
    if pairs:
        (first, second), others = pairs[0], pairs[1:]
        yield Finding(
            rule="no_nonlinearity",
            layer=first.path,
            also=tuple(dict.fromkeys(pair[0].path for pair in others)),
            figures={"pairs": len(pairs)},
            evidence=f"nothing nonlinear lies between {first.path} and {second.path}"
            + (f", nor after {len(others)} more layers" if others else ""),
            cause="two linear layers in a row can do no more than one",
            advice=f'give {first.path} activation="relu", or put a ReLU after it',
        )


def _is_linear_sum(call: Call) -> bool:
    return type(call.layer).__name__ in MIXING and activation_name(call.layer) == "linear"


def _linear_followers(traced: Trace, index: int) -> list[int] | None:
    """Return the layers of sums that take a call's output, past linear layers; None where another use is."""
    found: list[int] = []
    waiting = [index]
    while waiting:
        current = waiting.pop()
        if current in traced.results:
            return None
        for consumer in traced.consumers.get(current, []):
            kind, call = type(traced.calls[consumer].layer).__name__, traced.calls[consumer]
            linear = kind in LINEAR or (kind == "Activation" and activation_name(call.layer) == "linear")
            if kind in MIXING:
                found.append(consumer)
            elif linear:
                waiting.append(consumer)
            else:
                return None
        if not traced.consumers.get(current):
            return None  # the model's own code takes it
    return sorted(found)


def _bottleneck(call: Call, follower: Call) -> bool:
    width, taken = call.output_shapes[0][-1], call.input_shapes[0][-1]
    return width < taken and width < follower.output_shapes[0][-1]


def bias_before_batchnorm(subject: Subject) -> Iterator[Finding]:
    """Remark on biases that the batch normalization right after them takes away again."""
    useless = _biased_before_batchnorm(subject.traced)
    if useless:
        unused = sum(call.output_shapes[0][-1] for call in useless)
        yield Finding(
            rule="bias_before_batchnorm",
            layer=useless[0].path,
            also=tuple(call.path for call in useless[1:]),
            note=True,
            figures={"parameters": unused},
            evidence=f"{len(useless)} layer{'s' * (len(useless) != 1)} with a bias right before a batch "
            f"normalization, {unused:,} parameters",
            cause="the normalization takes the mean away, and the bias with it",
            advice="give these layers use_bias=False",
        )


def biases_before_batchnorm(subject: Subject) -> set[int]:
    """Return the identities of the variables whose gradient a batch normalization makes zero."""
    calls = _biased_before_batchnorm(subject.ran) if subject.ran else []
    return {id(variable) for call in calls for variable in call.layer.weights if variable.name == "bias"}


def _biased_before_batchnorm(traced: Trace) -> list[Call]:
    found = []
    for index, call in enumerate(traced.calls):
        followers = [traced.calls[each].layer for each in traced.consumers.get(index, [])]
        normalized = followers and all(
            isinstance(layer, keras.layers.BatchNormalization) for layer in followers
        )
        biased = getattr(call.layer, "use_bias", False) and call.layer.trainable
        if biased and normalized and activation_name(call.layer) == "linear" and index not in traced.results:
            found.append(call)
    return found


def dropout_before_batchnorm(subject: Subject) -> Iterator[Finding]:
    """Find dropout whose outputs a batch normalization takes with no weights between (Li 2019, section 3).

    Dropout of rate p divides by 1 - p what it keeps: the variance that the normalization learns in training
    is up to 1 / (1 - p) times that in use. Weights between the two make it less; that is left alone.
    """
    traced = subject.traced
    for index, call in enumerate(traced.calls):
        rate = float(getattr(call.layer, "rate", 0) or 0)
        if not isinstance(call.layer, DROPOUT) or rate < 0.1:
            continue
        normalization = _next_batchnorm(traced, index)
        if normalization:
            shift = 1 / (1 - rate) if rate < 1 else float("inf")
            yield Finding(
                rule="dropout_before_batchnorm",
                layer=call.path,
                also=(normalization.path,),
                figures={"rate": rate, "variance_shift": shift},
                evidence=f"dropout of {rate:g} right before {normalization.path}",
                cause=f"in use the variance is up to {shift:.2g} times smaller than the one it learned",
                advice="put the dropout behind the last batch normalization",
            )


def _next_batchnorm(traced: Trace, index: int) -> Call | None:
    waiting = [index]
    while waiting:
        for consumer in traced.consumers.get(waiting.pop(), []):
            call = traced.calls[consumer]
            if isinstance(call.layer, keras.layers.BatchNormalization):
                return call
            if type(call.layer).__name__ in ELEMENTWISE:
                waiting.append(consumer)
    return None
