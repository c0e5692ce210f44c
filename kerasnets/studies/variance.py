"""Study "variance": what initialization makes of the signal over nine layers.

Stanford CS231n, "Training Neural Networks Part 1", weight initialization: Gaussian input passes nine layers
of 500 units. Glorot & Bengio 2010 for tanh; He et al. 2015 for rectified units.
"""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from kerasnets.callbacks.measuring.layer_outputs import layer_outputs
from kerasnets.studies.course_training import watched_training
from kerasnets.studies.study import Row, Study

LAYERS, UNITS, EXAMPLES, CLASSES = 9, 500, 1000, 10


def gaussian(deviation: float) -> Callable[[int], keras.initializers.Initializer]:
    """Return a function from seeds to Gaussian initializers of a standard deviation."""
    return lambda seed: keras.initializers.RandomNormal(stddev=deviation, seed=seed)


CASES: dict[str, tuple[str, Callable[[int], keras.initializers.Initializer]]] = {
    "tanh, Gaussian 0.01": ("tanh", gaussian(0.01)),
    "tanh, Gaussian 1.0": ("tanh", gaussian(1.0)),
    "tanh, Glorot": ("tanh", lambda seed: keras.initializers.GlorotNormal(seed)),
    "relu, Gaussian 0.01": ("relu", gaussian(0.01)),
    "relu, He": ("relu", lambda seed: keras.initializers.HeNormal(seed)),
}
"""Activation and initialization of each part."""


def network(case: str) -> keras.Model:
    """Return the nine layers of a case, and ten logits."""
    activation, initializer = CASES[case]
    x = inputs = keras.Input((UNITS,))
    for depth in range(1, LAYERS + 1):
        layer = keras.layers.Dense(
            UNITS, activation=activation, kernel_initializer=initializer(depth), name=f"layer{depth}"
        )
        x = layer(x)
    logits = keras.layers.Dense(CLASSES, kernel_initializer=initializer(LAYERS + 1), name="logits")
    return keras.Model(inputs, logits(x), name="nine_layers")


def problem() -> tuple[np.ndarray, np.ndarray]:
    """Return Gaussian inputs (N, units), and as classes which of ten fixed directions is nearest."""
    numbers = np.random.default_rng(0)
    x = numbers.normal(size=(EXAMPLES, UNITS)).astype("float32")
    return x, (x @ numbers.normal(size=(UNITS, CLASSES))).argmax(1)


def run(part: str, folder: Path) -> list[Row]:
    """Measure every layer's output before training; then train a little for the verdict."""
    keras.utils.set_random_seed(0)
    model, (x, y) = network(part), problem()
    names = [f"layer{depth}" for depth in range(1, LAYERS + 1)]
    outputs = layer_outputs(model, x, names)
    trained = watched_training(model, x, y, rate=0.01, epochs=10, batch_size=50)
    rows: list[Row] = []
    for name in names:
        values = keras.ops.convert_to_numpy(outputs[name][0]).astype("float64")
        rows.append(
            {
                "layer": name,
                "mean": values.mean(),
                "std": values.std(),
                "accuracy": trained.accuracy,
                "causes": trained.cause,
                "verdict": trained.verdict,
            }
        )
    return rows


def table(results: pd.DataFrame) -> pd.DataFrame:
    """Return a row a layer, and the causes that the diagnosis names below."""
    columns: dict[str, list[object]] = {"layer": [*results.layer.unique(), "causes named"]}
    for case, rows in results.groupby("part", sort=False):
        moments = [f"{mean:+.1e} ± {std:.2g}" for mean, std in zip(rows["mean"], rows["std"], strict=True)]
        columns[f"{case}: mean ± std"] = [*moments, rows.causes.iloc[0]]
    return pd.DataFrame(columns)


def draw(results: pd.DataFrame, folder: Path) -> Figure:
    """Draw the standard deviation of every layer's output, a curve a case."""
    figure = Figure(figsize=(8, 6), dpi=120, layout="constrained")
    axes = figure.subplots()
    for case, rows in results.groupby("part", sort=False):
        axes.plot(range(1, LAYERS + 1), rows["std"], marker="o", label=f"{case}: {rows.causes.iloc[0]}")
    axes.set(
        xlabel="layer",
        ylabel="standard deviation of the outputs",
        yscale="log",
        title=f"{LAYERS} layers of {UNITS} units on Gaussian input, before training",
    )
    axes.grid(alpha=0.3)
    figure.legend(fontsize="small", loc="outside lower left")
    return figure


def sentence(results: pd.DataFrame) -> str:
    """Return what is left of the signal in the last layer, and what was named."""
    last = results.groupby("part", sort=False).last()
    found = [f"{case} {rows['std']:.2g} ({rows.causes})" for case, rows in last.iterrows()]
    return f"Standard deviation in layer {LAYERS}: {'; '.join(found)}."


STUDY = Study(parts=list(CASES), run=run, table=table, draw=draw, sentence=sentence)
