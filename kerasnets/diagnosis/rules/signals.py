"""What passes through the layers: activations that vanish, explode or saturate, and dead units."""

import numpy as np
import pandas as pd

from kerasnets.diagnosis.finding import Finding
from kerasnets.diagnosis.records import Records
from kerasnets.diagnosis.series import KERNELS, by_layer, digits, has_batchnorm, kinds, losses

DEPTH = 4
"""Layers with kernels that a network must have for something to vanish or explode over them."""

VANISHED = 1e-6
"""Last hidden layer's variance as a part of the first's, in a network without training.

AlexNet with the Gaussian 0.01 of its paper, which trains, stands at 7e-6; the course's nine tanh layers with
the same at 4e-11; He et al. 2015 (section 2.2, figure 3) show that a ratio like this stalls training.
"""

EXPLODED = 1e6
"""The same the other way round, over any number of layers."""

EXPLODED_EACH = 100.0
"""The same from one layer to the next, where there are few: sound weights keep it (He et al. 2015)."""

DEAD = 0.9
"""Part of a layer's rectified units that are zero on the whole probe. A small probe leaves sound networks
with up to half of a wide layer silent; nine tenths leave nothing that could carry what a layer is for."""

DEAD_UNLEARNED = 0.5
"""The same where the loss does not fall."""

SATURATED = 0.5
"""Part of a bounded layer's outputs at its limits (Glorot & Bengio 2010, section 3), where the loss does not
fall; healthy tanh networks stay below 0.2 while they begin."""

FREE = 0.2
"""The same before training, at most, where it is training that brought them there."""

BOUNDED = ("sigmoid", "tanh", "hard_sigmoid", "hard_tanh", "softsign")
RECTIFIED = ("relu", "relu6", "ReLU")


def vanishing_activations(records: Records) -> list[Finding]:
    """The variance of the outputs falls over depth until nothing is left, before training or now.

    Biases that have been trained differ from unit to unit: a variance that tells nothing of the input. So
    where the loss has not fallen, what was measured before training still holds.
    """
    both = [_variance_over_depth(records, row) for row in (0, -1)]
    falls = min((each for each in both if each is not None), key=lambda each: each.iloc[-1], default=None)
    if falls is None or not falls.iloc[-1] < VANISHED:
        return []
    layer = str(falls.index[int(np.argmax(falls.to_numpy() < VANISHED))])
    return [
        Finding(
            rule="vanishing_activations",
            layer=layer,
            step=records.step,
            figures={"ratio": float(falls.iloc[-1])},
            evidence=f"activation variance falls to {digits(falls.iloc[-1])} of the first layer's over "
            f"{len(falls)} layers",
            cause="initial weights are too small for the layers' widths",
            advice=f"initialize with {_initialization(records)}, which is "
            f"{digits(falls.iloc[-1] ** (-0.5 / max(len(falls) - 1, 1)))} times as large here",
        )
    ]


def exploding_activations(records: Records) -> list[Finding]:
    """The variance of the outputs grows over depth without bound."""
    grows = _variance_over_depth(records, -1, fewest=3)
    if grows is None:
        return []
    limit = min(EXPLODED, EXPLODED_EACH ** (len(grows) - 1))
    over = ~(grows.to_numpy() < limit)
    if not over[-1] and np.isfinite(grows).all():
        return []
    return [
        Finding(
            rule="exploding_activations",
            layer=str(grows.index[int(np.argmax(over))]),
            step=records.step,
            figures={"ratio": float(grows.iloc[-1])},
            evidence=f"activation variance grows {digits(grows.iloc[-1])} times over {len(grows)} layers",
            cause="initial weights are too large for the layers' widths",
            advice=f"initialize with {_initialization(records)}",
        )
    ]


def _initialization(records: Records) -> str:
    bounded = any(layer.activation in BOUNDED for layer in records.outline)
    return (
        "Glorot's variance 2/(inputs + outputs) (glorot_uniform)"
        if bounded
        else "He's variance 2/inputs (he_normal)"
    )


def _variance_over_depth(records: Records, row: int, fewest: int = DEPTH) -> pd.Series | None:
    """Return the variances of layers with kernels, but the last, as parts of the first one's.

    Args:
        records: with `activation_variance`.
        row: which measurement, -1 the newest, 0 the first.
        fewest: layers that there must be.

    None where it proves nothing: batch normalization makes up for it, weights of another training have what
    variances they need, and a loss that falls shows that the signal passes.
    """
    if has_batchnorm(records) or records.facts.pretrained or losses(records).learning:
        return None
    table, kind = by_layer(records, "activation_variance"), kinds(records)
    layers = [layer for layer in table if kind.get(layer) in KERNELS][:-1]
    if len(layers) < fewest or table.empty:
        return None
    variances = table[layers].iloc[row].dropna()
    if len(variances) < fewest or not variances.iloc[0] > 0:
        return None
    return variances / variances.iloc[0]


def dead_units(records: Records) -> list[Finding]:
    """Rectified units are zero on every image of the probe, now and at the measurement before."""
    limit = DEAD if losses(records).learning or not losses(records).enough else DEAD_UNLEARNED
    dead = dead_parts(records)
    over = dead[dead >= limit]
    if over.empty or records.step == 0:
        return []
    return [
        Finding(
            rule="dead_units",
            layer=str(over.index[0]),
            also=tuple(map(str, over.index[1:])),
            step=records.step,
            figures={"dead": float(over.iloc[0])},
            evidence=f"{over.iloc[0]:.0%} of its units are zero on the whole probe at step {records.step}",
            cause="a large update or initial bias left them below zero for every input, and no gradient "
            "brings them back",
            advice="lower the learning rate three to ten times, initialize with he_normal and zero "
            "biases, or use leaky_relu",
        )
    ]


def dead_parts(records: Records) -> pd.Series:
    """Return which part of a layer's rectified units is dead, 0 to 1, by layer."""
    rectified = [layer.path for layer in records.outline if _is(layer.activation, layer.kind, RECTIFIED)]
    dead = _lasting(records, "activation_dead", rectified)
    return _lasting(records, "activation_zeros", rectified) if dead.empty else dead


def died(records: Records) -> list[str]:
    """Return the layers whose rectified units are dead and were alive at the first measurement."""
    first, dead = by_layer(records, "activation_dead"), dead_parts(records)
    return [
        layer
        for layer in dead.index[dead >= DEAD]
        if layer in first and first[layer].iloc[0] < DEAD_UNLEARNED
    ]


def saturated_units(records: Records) -> list[Finding]:
    """Outputs of a bounded activation sit at its limits, where no gradient passes, and the loss stays.

    They are judged before training too, whose weights should not bring them there.
    """
    found = losses(records)
    hidden = [layer.path for layer in records.outline[:-1] if layer.activation in BOUNDED]
    if found.enough:
        full = _lasting(records, "activation_saturated", hidden)
    else:
        full = _untrained(records, "activation_saturated", hidden)
    over = full[full >= SATURATED]
    if over.empty or (found.enough and found.learning):
        return []
    return [
        Finding(
            rule="saturated_units",
            layer=str(over.index[0]),
            also=tuple(map(str, over.index[1:])),
            step=records.step,
            figures={"saturated": float(over.iloc[0])},
            evidence=f"{over.iloc[0]:.0%} of its outputs sit at their limits"
            + (f" at step {records.step}" if found.enough else " before training"),
            cause="its inputs are too large: raw pixel values, large initial weights, or a rate too high",
            advice="scale inputs to zero mean and unit variance, initialize with glorot_uniform",
        )
    ]


def driven_to_limits(records: Records) -> bool:
    """Return whether units stay at their limits, and the loss where it is, that were free before training."""
    first = by_layer(records, "activation_saturated")
    found = saturated_units(records) if losses(records).enough else []
    return any(first[layer].iloc[0] < FREE for each in found for layer in (each.layer, *each.also))


def _is(activation: str | None, kind: str, names: tuple[str, ...]) -> bool:
    return activation in names or kind in names


def _untrained(records: Records, quantity: str, layers: list[str]) -> pd.Series:
    """Return a quantity before the first step, by layer; empty where weights come from another training."""
    table = by_layer(records, quantity)
    if records.facts.pretrained or table.empty or table.index[0] != 0:
        return pd.Series(dtype="float64")
    return table.iloc[0].reindex([layer for layer in layers if layer in table])


def _lasting(records: Records, quantity: str, layers: list[str]) -> pd.Series:
    """Return the lower of the last two measurements of a quantity, by layer; empty with fewer than two."""
    table = by_layer(records, quantity)
    table = table[[layer for layer in layers if layer in table]]
    return table.iloc[-2:].min() if len(table) > 1 else pd.Series(dtype="float64")
