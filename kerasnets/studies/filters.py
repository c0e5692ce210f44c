"""Study "filters": first-layer filters of a good training and of two bad ones.

Stanford CS231n, "Neural Networks Part 3", first-layer visualizations: smooth and various filters tell of a
training that went well, noisy ones of one that has not converged, had an improper rate, or too little
regularization. A small network on CIFAR-10 where it is on this machine, else on scikit-learn's digits; or on
the source that is asked for.
"""

from functools import partial
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from kerasnets.callbacks.pictures.tiles import grid, kernel_tiles
from kerasnets.files.whole_files import whole_file
from kerasnets.studies.course_training import shuffled_digits, watched_training
from kerasnets.studies.study import Row, Study

RATES = {"good": 0.01, "rate too high": 1.0, "rate too low": 1e-6}
EPOCHS = {"cifar10": 15, "digits": 20, "mnist": 15, "fashion_mnist": 15}
"""By source; all of ten classes."""

IMAGES = 5000
"""Images that are trained on, if there are so many."""


def network(shape: tuple[int, int, int]) -> keras.Model:
    """Return two convolutions and a dense layer; the first has 36 filters of 7x7 that begin small."""
    x = images = keras.Input(shape)
    x = keras.layers.Conv2D(
        36,
        7,
        padding="same",
        activation="relu",
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.01, seed=0),
        kernel_regularizer=keras.regularizers.L2(1e-3),
        name="filters",
    )(x)
    x = keras.layers.MaxPooling2D(4)(x)
    x = keras.layers.Conv2D(48, 3, padding="same", activation="relu", name="second")(x)
    x = keras.layers.Flatten()(keras.layers.MaxPooling2D(2)(x))
    return keras.Model(images, keras.layers.Dense(10, name="classes")(x))


def data(source: str | None = None) -> tuple[str, np.ndarray, np.ndarray]:
    """Return the name of the data, its images, of zero mean and unit variance, and labels.

    Args:
        source: a key of `EPOCHS`; by default CIFAR-10 where it is on this machine.
    """
    from kerasnets.data.sources.availability import is_local
    from kerasnets.data.sources.load import read_source

    source = source or ("cifar10" if is_local("cifar10") else "digits")
    if source == "digits":
        return (source, *shuffled_digits(24))
    train = read_source(source).train
    images = np.asarray(train.images)[:IMAGES].astype("float32")
    return source, (images - images.mean()) / images.std(), np.asarray(train.labels)[:IMAGES]


def run(part: str, folder: Path, source: str | None = None) -> list[Row]:
    """Train at one rate, and keep the first layer's kernel."""
    keras.utils.set_random_seed(0)
    name, x, y = data(source)
    model = network(x.shape[1:])
    trained = watched_training(model, x, y, rate=RATES[part], epochs=EPOCHS[name], batch_size=64)
    kernel = keras.ops.convert_to_numpy(model.get_layer("filters").kernel)
    (folder / part).mkdir(exist_ok=True)
    with whole_file(folder / part / "kernel.npy") as temporary:
        np.save(temporary, kernel)
    return [
        {
            "data": name,
            "rate": RATES[part],
            "accuracy": trained.accuracy,
            "roughness": roughness(kernel),
            "causes": trained.cause,
            "verdict": trained.verdict,
        }
    ]


def roughness(kernel: np.ndarray) -> float:
    """Return how much neighbours in filters differ, by the filters' variance: 2 for noise, 0 for smooth ones.

    Args:
        kernel: (height, width, input channels, filters); filters without any variance are left out.
    """
    apart = [np.square(np.diff(kernel, axis=axis)).mean(axis=(0, 1, 2)) for axis in (0, 1)]
    variance = kernel.var(axis=(0, 1)).mean(axis=0)
    usable = np.isfinite(variance) & (variance > 0)
    return (
        float(((apart[0] + apart[1]) / 2)[usable].mean() / variance[usable].mean()) if usable.any() else 0.0
    )


def table(results: pd.DataFrame) -> pd.DataFrame:
    """Return a row a training."""
    return results.rename(columns={"part": "training"})


def draw(results: pd.DataFrame, folder: Path) -> Figure:
    """Draw the first layer's filters of all trainings side by side."""
    figure = Figure(figsize=(4 * len(results), 4.6), dpi=110, layout="constrained")
    for axes, row in zip(
        figure.subplots(1, len(results), squeeze=False)[0], results.itertuples(), strict=True
    ):
        axes.imshow(grid(kernel_tiles(np.load(folder / row.part / "kernel.npy"))), interpolation="nearest")
        axes.set_axis_off()
        axes.set_title(f"{row.part} ({row.rate:g}): accuracy {row.accuracy:.2f}\n{row.causes}", fontsize=9)
    return figure


def sentence(results: pd.DataFrame) -> str:
    """Return how rough the filters are, 2 being noise, and what was named."""
    found = [f"{row.part} {row.roughness:.2f}, {row.causes}" for row in results.itertuples()]
    return f"Roughness of the first filters on {results.data.iloc[0]} (noise has 2): {'; '.join(found)}."


def study(source: str | None = None) -> Study:
    """Return the study on a source; by default on CIFAR-10 where it is on this machine."""
    return Study(
        parts=list(RATES),
        run=partial(run, source=source),
        table=table,
        draw=draw,
        sentence=sentence,
        data=list(EPOCHS),
        on=study,
    )


STUDY = study()
