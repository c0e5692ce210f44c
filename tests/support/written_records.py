"""Records of trainings, written by hand or grown step by step."""

from dataclasses import replace

import numpy as np
import pandas as pd

from kerasnets.diagnosis.facts import Facts
from kerasnets.diagnosis.outline import LayerOutline
from kerasnets.diagnosis.records import Records

TEN = Facts(
    classes=10,
    class_shares=(0.1,) * 10,
    loss="categorical_crossentropy",
    batch_size=32,
    learning_rate=0.1,
    dropout=False,
    augmented=False,
    l2=False,
)


def step_table(loss, rate=0.1, accuracy=np.nan, **columns):
    """Return a table of steps, one a loss, from step 1 on."""
    count = len(loss)
    table = {"step": np.arange(1, count + 1), "epoch": 0, "loss": loss, "learning_rate": rate}
    return pd.DataFrame(table | {"accuracy": accuracy, **columns}, index=range(count))


def noisy(values, noise=0.05, seed=0):
    """Return values with normal noise."""
    return np.asarray(values) + np.random.default_rng(seed).normal(0, noise, np.shape(values))


def epoch_table(**columns):
    """Return a table of epochs."""
    count = len(next(iter(columns.values())))
    return pd.DataFrame({"epoch": np.arange(1, count + 1), **columns})


def layer_table(quantity, steps, **layers):
    """Return rows of diagnostics: for each layer one number, or one for each step."""
    rows = [
        (step, 0, name, quantity, float(np.broadcast_to(values, len(steps))[at]))
        for at, step in enumerate(steps)
        for name, values in layers.items()
    ]
    return pd.DataFrame(rows, columns=["step", "epoch", "layer", "quantity", "value"])


def network(*layers):
    """Return an outline of layers, each "name kind activation"."""
    fields = [layer.split() for layer in layers]
    return tuple(LayerOutline(path=name, kind=kind, activation=act) for name, kind, act in fields)


def until(records, step):
    """Return records as they were after a step."""
    return replace(
        records,
        steps=records.steps[records.steps.step <= step],
        layers=records.layers[records.layers.step <= step],
    )


def healthy_losses(steps=300, start=2.3, end=0.3, seed=0):
    """Return losses that fall as those of a sound training do."""
    return noisy(end + (start - end) * np.exp(-np.arange(steps) / 60), seed=seed)


def written(loss=None, facts=TEN, **tables):
    """Return records of a training with these losses, by default healthy ones."""
    loss = healthy_losses() if loss is None else loss
    return Records(steps=tables.pop("steps", step_table(loss)), facts=facts, **tables)
