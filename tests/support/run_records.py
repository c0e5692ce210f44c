"""Records of runs that nobody trained, for the page."""

import numpy as np
import pandas as pd

from kerasnets.catalog.quantities import BIN_EDGES, HISTOGRAMS
from kerasnets.recipe import load_recipe
from kerasnets.report.run_records import RunRecords
from kerasnets.runs.records.dataset_record import DatasetRecord
from kerasnets.runs.records.environment import Environment

CLASSES = tuple("0123456789")


def run_records(label="first", epochs=3, **given):
    """Return records of a run with a history and nothing else, but for what is given."""
    history = pd.DataFrame(
        {
            "epoch": np.arange(1, epochs + 1),
            "loss": 1.0 / np.arange(1, epochs + 1),
            "accuracy": 1 - 0.5 / np.arange(1, epochs + 1),
            "val_loss": 1.25 / np.arange(1, epochs + 1),
            "val_accuracy": 1 - 0.6 / np.arange(1, epochs + 1),
            "learning_rate": np.full(epochs, 0.1),
        }
    )
    known = {
        "label": label,
        "path": f"runs/{label}",
        "recipe": load_recipe("lenet5-digits"),
        "measure": "accuracy",
        "environment": Environment(
            python="3.11.7",
            machine="Linux x86_64",
            devices=[{"kind": "cpu", "name": "EPYC", "count": 2}],
            strategy="_DefaultDistributionStrategy",
            replicas=1,
            packages={"keras": "3.15.1"},
            command=["kerasnets", "train", "lenet5-digits"],
        ),
        "dataset": DatasetRecord("digits", CLASSES, False, (8, 8, 1), {"train": 1302}, None),
        "history": history,
        "steps": pd.DataFrame(),
        "diagnostics": pd.DataFrame({"step": [], "epoch": [], "layer": [], "quantity": [], "value": []}),
    }
    return RunRecords(**known | given)


def step_rows(losses, every=1):
    """Return steps.csv of a run with these losses."""
    count = len(losses)
    step = every * np.arange(1, count + 1)
    return pd.DataFrame(
        {
            "step": step,
            "epoch": step // 40,
            "loss": losses,
            "accuracy": 0.5,
            "learning_rate": 0.1,
            "gradient_norm": 2.0,
            "update_ratio": 1e-3,
            "skipped": 0,
            "seconds": 0.01,
        }
    )


def layer_rows(
    layers, steps, quantities=("update_ratio", "activation_variance", "gradient_norm", "activation_dead")
):
    """Return diagnostics of layers at steps: one number of its own each, 0 to 1."""
    draws = np.random.default_rng(0)
    return pd.DataFrame(
        [
            (step, step // 40, layer, quantity, draws.random())
            for step in steps
            for layer in layers
            for quantity in quantities
        ],
        columns=["step", "epoch", "layer", "quantity", "value"],
    )


def histogram_rows(layers, steps):
    """Return histograms of every kind of layers at steps, of numbers that shrink with depth."""
    draws = np.random.default_rng(0)
    rows = []
    for step in steps:
        for depth, layer in enumerate(layers):
            for of in HISTOGRAMS:
                numbers = draws.normal(size=500) * 2.0 ** (-depth / 8)
                bins = np.searchsorted(BIN_EDGES, numbers, side="right")
                counts = np.bincount(bins, minlength=len(BIN_EDGES) + 1)
                rows.append((step, step // 40, layer, of, *counts))
    counts = [f"b{number}" for number in range(len(BIN_EDGES) + 1)]
    return pd.DataFrame(rows, columns=["step", "epoch", "layer", "of", *counts])
