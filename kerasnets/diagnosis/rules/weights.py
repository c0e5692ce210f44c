"""What the weights tell: kernels of one constant, first filters that do not move."""

import numpy as np

from kerasnets.diagnosis.finding import Finding
from kerasnets.diagnosis.records import Records
from kerasnets.diagnosis.series import KERNELS, by_layer, digits, kernel_update_ratios, kinds, losses

UNMOVED = 1e-3
"""First layer's kernel update ratio as a part of the other layers' median; sound ones are within 30 times."""


def constant_weights(records: Records) -> list[Finding]:
    """All numbers of a layer are zero: at the newest measurement of `weight_zeros`."""
    zeros, kind = by_layer(records, "weight_zeros"), kinds(records)
    if zeros.empty:
        return []
    layers = [layer for layer in zeros if kind.get(layer) in KERNELS and zeros[layer].iloc[-1] == 1]
    if not layers:
        return []
    return [
        Finding(
            rule="constant_weights",
            layer=layers[0],
            also=tuple(layers[1:]),
            step=records.step,
            figures={"zeros": 1.0},
            evidence=f"all weights of {len(layers)} layer(s) are zero",
            cause="its units all do the same and get the same gradient, or none",
            advice="initialize kernels with glorot_uniform or he_normal; only biases begin at zero",
        )
    ]


def dead_filters(records: Records) -> list[Finding]:
    """The first convolution's filters do not move, although the layers after it do."""
    table, kind = kernel_update_ratios(records), kinds(records)
    layers = [layer for layer in table if kind.get(layer) in KERNELS]
    if len(layers) < 3 or not kind[layers[0]].startswith("Conv") or len(table) < 3:
        return []
    middle = table[layers].iloc[-5:].median()
    others = float(middle.iloc[1:].median())
    if not losses(records).enough or not np.isfinite(others) or not middle.iloc[0] < UNMOVED * others:
        return []
    return [
        Finding(
            rule="dead_filters",
            layer=layers[0],
            step=records.step,
            figures={"update_ratio": float(middle.iloc[0]), "others": others},
            evidence=f"its update ratio is {digits(middle.iloc[0])} at step {records.step}, the others' "
            f"{digits(others)}",
            cause="no gradient reaches the first filters: they stay as they were initialized",
            advice="initialize the layers after it with he_normal, or use batch normalization",
        )
    ]
