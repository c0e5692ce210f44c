"""What the gradients of the layers tell: vanishing toward the first ones, exploding."""

import numpy as np
import pandas as pd

from kerasnets.diagnosis.finding import Finding
from kerasnets.diagnosis.records import Records
from kerasnets.diagnosis.rules.signals import DEPTH
from kerasnets.diagnosis.series import (
    KERNELS,
    RECORDS,
    by_layer,
    column,
    digits,
    kernel_update_ratios,
    kinds,
    losses,
)

VANISHED = 1e-3
"""First layer's gradient, or update ratio, as a part of the last one's (AUTOTRAINER, Zhang et al. 2021,
beta_1). Sound networks stay above 0.01; and the loss must not fall."""

EXPLODED = 100.0
"""Growth of the gradient norm against its first values (AUTOTRAINER: 70), where the loss suffers."""


def vanishing_gradients(records: Records) -> list[Finding]:
    """The first layers get a thousandth of the last layers' gradient, and the loss stays."""
    found = losses(records)
    parts = _parts_of_last(records)
    if parts is None or not found.enough or found.learning:
        return []
    small = parts[parts < VANISHED]
    if parts.iloc[0] >= VANISHED or small.empty:
        return []
    bounded = any(layer.activation in ("sigmoid", "tanh") for layer in records.outline)
    return [
        Finding(
            rule="vanishing_gradients",
            layer=str(small.index[0]),
            also=tuple(map(str, small.index[1:])),
            step=records.step,
            figures={"ratio": float(parts.iloc[0])},
            evidence=f"its gradient is {digits(parts.iloc[0])} of the last layer's at step {records.step}, "
            f"{len(parts)} layers deep",
            cause="each layer passes back a fraction of the gradient"
            + (": sigmoid at most a quarter" if bounded else ""),
            advice="use relu with he_normal" if bounded else "initialize with he_normal (variance 2/inputs)",
        )
    ]


def _parts_of_last(records: Records) -> pd.Series | None:
    """Return the recent gradient norm (else update ratio) of layers with kernels, as part of the last's."""
    kind = kinds(records)
    for table in (by_layer(records, "gradient_norm"), kernel_update_ratios(records)):
        layers = [layer for layer in table if kind.get(layer) in KERNELS]
        if len(layers) < DEPTH or len(table) < 2:
            continue
        recent = table[layers].iloc[-3:].median()
        if np.isfinite(recent).all() and recent.iloc[-1] > 0:
            return recent / recent.iloc[-1]
    return None


def exploding_gradients(records: Records) -> list[Finding]:
    """The gradient norm has grown a hundred times, and the loss is above its start."""
    found = losses(records)
    norm = column(records.steps, "gradient_norm")
    norm = norm[~np.isnan(norm)]
    if len(norm) < RECORDS:
        table = by_layer(records, "gradient_norm")
        norm = np.sqrt(np.square(table).sum(axis=1).to_numpy("float64"))
    if len(norm) < 4 or not len(found):
        return []
    first, now = (
        float(np.median(norm[: max(len(norm) // 10, 2)])),
        float(np.median(norm[-max(len(norm) // 10, 2) :])),
    )
    grown = now / first if first > 0 else 0.0
    if not (grown > EXPLODED or not np.isfinite(now)) or found.learned > 0:
        return []
    return [
        Finding(
            rule="exploding_gradients",
            step=records.step,
            figures={"norm": now, "first": first},
            evidence=f"gradient norm {digits(now)} at step {records.step}, {digits(first)} at first",
            cause="each update makes the next gradient larger",
            advice=f"clip the gradient's norm at {digits(10 * first)}, and lower the learning rate ten times",
        )
    ]
