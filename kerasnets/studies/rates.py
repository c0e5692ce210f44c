"""Study "rates": the course's figure of the loss for four learning rates.

Stanford CS231n, "Neural Networks Part 3", loss function: with a very high rate the loss grows, with a high
one it falls fast and stays at a poor level, with a low one it falls slowly. LeNet-5 on scikit-learn's digits.
"""

from pathlib import Path

import keras
import pandas as pd
from matplotlib.figure import Figure

from kerasnets.models.lenet import lenet5
from kerasnets.studies.course_training import shuffled_digits, watched_training
from kerasnets.studies.study import Row, Study

RATES = {"very high": 1.0, "high": 0.3, "good": 0.03, "low": 2e-5}
EPOCHS, BATCH = 8, 32


def run(part: str, folder: Path) -> list[Row]:
    """Train at one rate; a row an epoch."""
    keras.utils.set_random_seed(0)
    x, y = shuffled_digits(32)
    trained = watched_training(lenet5(), x, y, rate=RATES[part], epochs=EPOCHS, batch_size=BATCH)
    steps = trained.steps
    per_epoch = len(steps) // EPOCHS
    return [
        {
            "rate": RATES[part],
            "step": int(rows.step.iloc[-1]),
            "loss": float(rows.loss.mean()),
            "accuracy": trained.accuracy,
            "causes": trained.cause,
            "verdict": trained.verdict,
        }
        for _, rows in steps.groupby((steps.step - 1) // max(per_epoch // 6, 1))
    ]


def table(results: pd.DataFrame) -> pd.DataFrame:
    """Return a row a rate."""
    last = results.groupby("part", sort=False).last().reset_index().rename(columns={"part": "learning rate"})
    return last[["learning rate", "rate", "loss", "accuracy", "causes", "verdict"]]


def draw(results: pd.DataFrame, folder: Path) -> Figure:
    """Draw the loss over steps, a curve a rate."""
    figure = Figure(figsize=(8, 5.5), dpi=120, layout="constrained")
    axes = figure.subplots()
    for name, rows in results.groupby("part", sort=False):
        axes.plot(rows.step, rows.loss, label=f"{name} ({rows.rate.iloc[0]:g}): {rows.causes.iloc[0]}")
    axes.set(xlabel="step", ylabel="loss", yscale="log")
    axes.set_title("LeNet-5 on handwritten digits: loss for four learning rates")
    axes.grid(alpha=0.3)
    figure.legend(fontsize="small", loc="outside lower left")
    return figure


def sentence(results: pd.DataFrame) -> str:
    """Return the last loss of each rate, and what was named."""
    last = results.groupby("part", sort=False).last()
    found = [f"{rows.rate:g} ({name}) {rows.loss:.3g}, {rows.causes}" for name, rows in last.iterrows()]
    return f"Loss at the end by rate: {'; '.join(found)}."


STUDY = Study(parts=list(RATES), run=run, table=table, draw=draw, sentence=sentence)
