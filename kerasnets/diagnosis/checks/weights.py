"""How weights start: all alike, on a strange scale, or frozen before they were trained."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import keras
import numpy as np

from kerasnets.diagnosis.checks.subject import Subject
from kerasnets.diagnosis.checks.trace import Trace
from kerasnets.diagnosis.finding import Finding
from kerasnets.layers.paths import layer_paths

TOO_LARGE, TOO_SMALL = 8.0, 1 / 40
"""Factors on He's scale (2015, equation 10). N(0, 0.01), of which AlexNet and VGG were trained, is 1/27 of it
for a first 3x3 convolution of colour images."""

COLLAPSED = 1e-6
"""Product of such factors over a network's layers at which nothing of the input reaches its end."""

LEAST = 32
"""Numbers that a kernel needs for its scale to be judged."""


@dataclass(frozen=True)
class Kernel:
    """A trainable kernel: its layer's path, its numbers with the outputs last, and how many each sums."""

    path: str
    layer: keras.Layer
    values: np.ndarray
    fan_in: int


def constant_weights(subject: Subject) -> Iterator[Finding]:
    """Find kernels whose units are all alike: they get the same gradient, and stay alike for ever.

    Left alone is the last layer, whose units the labels tell apart, and the last of a residual branch.
    """
    kernels = _kernels(subject)
    spared = _ends(subject, kernels)
    alike = [each for each in kernels if each.values.shape[-1] > 1 and _alike(each.values)]
    hidden = [each for each in alike if each.path not in spared]
    if hidden:
        zeros = all(not each.values.any() for each in alike)
        value = float(hidden[0].values.ravel()[0])
        what = "zeros" if zeros else f"the same in all units, {value:g}"
        if len(alike) == len(kernels):
            found = f"all {len(kernels)} kernels are {what}"
        else:
            found = f"{len(alike)} of {len(kernels)} kernels are {what}"
        yield Finding(
            rule="constant_weights",
            layer=hidden[0].path,
            also=tuple(each.path for each in alike if each is not hidden[0]),
            figures={"kernels": len(alike), "value": value},
            evidence=found,
            cause="units that start alike get the same gradient and never become different"
            + (_stuck(subject) if zeros else ""),
            advice='initialize kernels with "he_normal" under rectifiers, else "glorot_uniform"',
        )


def _stuck(subject: Subject) -> str:
    shape = subject.ran.outputs[0].shape if subject.ran and subject.ran.outputs else ()
    if subject.loss.of_classes and len(shape) == 2 and shape[-1] > 1:
        return f"; the loss stays near {math.log(shape[-1]):.3f}, which is ln({shape[-1]})"
    return ""


def _alike(values: np.ndarray) -> bool:
    return bool(np.all(values == values[..., :1]))


def _ends(subject: Subject, kernels: list[Kernel]) -> set[str]:
    """Return the paths of layers that may start at zero: the model's last, and residual branches' last."""
    ends = {kernels[-1].path} if kernels else set()
    if subject.ran is not None:
        ends |= {
            call.path
            for index, call in enumerate(subject.ran.calls)
            if _is_added(subject.ran, index) or index in subject.ran.results
        }
    return ends


def _is_added(traced: Trace, index: int) -> bool:
    kinds = {type(traced.calls[each].layer).__name__: each for each in traced.consumers.get(index, [])}
    if set(kinds) == {"BatchNormalization"}:
        return _is_added(traced, kinds["BatchNormalization"])
    return "Add" in kinds


def bad_initialization(subject: Subject) -> Iterator[Finding]:
    """Find kernels of a scale that makes activations explode or vanish: far from He's √(2 / fan-in).

    Judged alone are layers without a normalization after them. Weights from another training are left alone.
    """
    if subject.pretrained:
        return
    kernels = [each for each in _kernels(subject) if each.values.size >= LEAST]
    normalized = _normalized(subject)
    last = kernels[-1].path if kernels else ""
    factors = {
        each.path: _scale(each.values) * math.sqrt(each.fan_in / 2)
        for each in kernels
        if each.path not in normalized and each.values.any()
    }
    large = [path for path, factor in factors.items() if factor > TOO_LARGE]
    small = [path for path, factor in factors.items() if factor < TOO_SMALL and path != last]
    shrunk = {path: min(factor, 1.0) for path, factor in factors.items()}
    fans = {each.path: each for each in kernels}
    if large:
        yield _badly_scaled(fans, large, factors, cause="too large: activations grow from layer to layer")
    elif small and math.prod(shrunk.values()) < COLLAPSED ** (1 / 2):
        yield _badly_scaled(fans, small, factors, cause="too small: activations and gradients vanish")


def _badly_scaled(
    kernels: dict[str, Kernel], paths: list[str], factors: dict[str, float], *, cause: str
) -> Finding:
    kernel, factor = kernels[paths[0]], factors[paths[0]]
    right = math.sqrt(2 / kernel.fan_in)
    return Finding(
        rule="bad_initialization",
        layer=paths[0],
        also=tuple(paths[1:]),
        figures={"scale": factor * right, "he": right, "factor": factor},
        evidence=f"its kernel has the scale {factor * right:.2g}, {_times(factor)} He's √(2/{kernel.fan_in})"
        + (f"; {len(paths) - 1} more layers alike" if len(paths) > 1 else ""),
        cause=f"weights are {cause}",
        advice=f'initialize with "he_normal" (standard deviation {right:.2g}), or "glorot_uniform"',
    )


def _times(factor: float) -> str:
    return f"{factor:.3g} times" if factor >= 1 else f"1/{1 / factor:.3g} of"


def _scale(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype="float64"))))


def _normalized(subject: Subject) -> set[str]:
    """Return the paths of layers whose output only a normalization takes."""
    if subject.ran is None:
        return set()
    traced = subject.ran
    return {
        call.path
        for index, call in enumerate(traced.calls)
        if any(
            "Normalization" in type(traced.calls[each].layer).__name__
            for each in traced.consumers.get(index, [])
        )
    }


def frozen_layers(subject: Subject) -> Iterator[Finding]:
    """Find models of which nothing trains, and frozen layers that still have their random start."""
    weights = [weight for layer in layer_paths(subject.model).values() for weight in layer.weights]
    if weights and not subject.model.trainable_weights:
        yield Finding(
            rule="frozen_layers",
            figures={"weights": len(weights)},
            evidence=f"none of {len(weights)} weights is trainable",
            cause="the whole model is frozen: training cannot change it",
            advice="set trainable = True on the layers to train, and compile again",
        )
        return
    frozen = [path for path, layer in layer_paths(subject.model).items() if _frozen_at_random(layer)]
    if frozen and not subject.pretrained:
        yield Finding(
            rule="frozen_layers",
            layer=frozen[0],
            also=tuple(frozen[1:]),
            figures={"layers": len(frozen)},
            evidence=f"{len(frozen)} frozen layer{'s' * (len(frozen) != 1)} still as drawn at random",
            cause="layers were frozen that nobody has trained",
            advice="set trainable = True on them, or load trained weights first",
        )


def _frozen_at_random(layer: keras.Layer) -> bool:
    """Return whether a frozen kernel is evenly spread just up to the bound of Glorot's or He's draw."""
    kernel = None if layer.trainable or not layer.built else getattr(layer, "kernel", None)
    if kernel is None or not isinstance(layer.kernel_initializer, keras.initializers.VarianceScaling):
        return False
    values = np.asarray(keras.ops.convert_to_numpy(kernel)).astype("float64").ravel()
    if values.size < 100 or not values.any():
        return False
    # of an even draw the bound is √3 standard deviations, and the fourth moment 9/5 of the variance squared
    bound, square = np.abs(values).max(), np.mean(values**2)
    return bool(bound < 1.8 * math.sqrt(square) and abs(np.mean(values**4) / square**2 - 1.8) < 0.15)


def _kernels(subject: Subject) -> list[Kernel]:
    """Return the trainable kernels of dense and convolution layers, in the order of their calls."""
    found = []
    for path, layer in _in_order(subject).items():
        if not layer.trainable_weights:
            continue
        for variable in layer.trainable_weights:
            if len(variable.shape) >= 2 and variable.name in ("kernel", "pointwise_kernel"):
                values = np.asarray(keras.ops.convert_to_numpy(variable)).astype("float32")
                depthwise = "Depthwise" in type(layer).__name__
                if "Transpose" in type(layer).__name__:
                    values = np.swapaxes(values, -1, -2)
                taken = math.prod(values.shape[: -2 if depthwise else -1])
                found.append(Kernel(path, layer, values, getattr(layer, "fan_in", None) or taken))
    return found


def _in_order(subject: Subject) -> dict[str, keras.Layer]:
    layers = layer_paths(subject.model)
    if subject.ran is None:
        return layers
    called = dict.fromkeys(call.path for call in subject.ran.calls if call.path in layers)
    return {path: layers[path] for path in called}
