"""Precision and recall, reliability, accuracy by size and brightness, residuals: what is drawn."""

import numpy as np
from matplotlib.figure import Figure
from sklearn.metrics import precision_recall_curve

from kerasnets.errors import printable
from kerasnets.judgement.intervals import wilson_ends
from kerasnets.judgement.judge import ClassJudgement, ValueJudgement
from kerasnets.judgement.outcomes import BINS
from kerasnets.report.drawing import COLOURS, INK, new_figure, short
from kerasnets.report.section import Picture, Section, anchor_of

MOST_CURVES = len(COLOURS)
MOST_POINTS = 200
MOST_DOTS = 800
PARTS = 10
"""Parts of equally many images that accuracy is drawn for."""

MOST_TARGETS = 12


def curves_section(judgement: ClassJudgement) -> Section:
    """Return precision against recall of the classes of the lowest average precision."""
    table = judgement.by_class[judgement.by_class.images > 0]
    lowest = table.sort_values("average_precision", kind="stable").index[:MOST_CURVES]
    figure = new_figure(320)
    axes = figure.subplots()
    for colour, number in zip(COLOURS, lowest, strict=False):
        of_class = judgement.outcomes.labels == number
        precision, recall, _ = precision_recall_curve(of_class, judgement.predictions[:, number])
        kept = np.unique(np.linspace(0, len(recall) - 1, MOST_POINTS).astype(int))
        name = short(printable(judgement.classes[number]), 16)
        label = f"{name}: {table.average_precision[number]:.3f}"
        axes.step(recall[kept], precision[kept], where="post", color=colour, label=label)
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1.02), ylim=(0, 1.02))
    axes.legend(loc="lower left")
    which = "Every class" if len(lowest) == len(table) else f"The {len(lowest)} classes that do worst"
    return Section(
        anchor="precision-recall",
        title="Precision and recall",
        caption="A class as a search: of the images found, how many are right (precision); of those there "
        "are, how many are found (recall). Beside the names the area below: average precision.",
        pictures=(Picture("precision-recall-curves", which, figure),),
    )


def reliability_section(judgement: ClassJudgement) -> Section:
    """Return accuracy against the network's own probability."""
    outcomes, ece = judgement.outcomes, judgement.metrics["ece"]
    counts = np.bincount(outcomes.bins, minlength=BINS)
    there = counts > 0
    sureness = np.bincount(outcomes.bins, outcomes.best[:, 0], BINS)[there] / counts[there]
    accuracy = np.bincount(outcomes.bins, outcomes.right, BINS)[there] / counts[there]
    figure = new_figure(380)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    above.plot((0, 1), (0, 1), color=INK, linestyle="--", linewidth=1)
    above.errorbar(
        sureness, accuracy, _bars(accuracy, counts[there]), fmt="o", markersize=4, color=COLOURS[0]
    )
    above.set(ylabel="accuracy", xlim=(0, 1.02), ylim=(0, 1.02))
    below.bar((np.arange(BINS) + 0.5) / BINS, counts, 0.9 / BINS, color=COLOURS[0])
    below.set(xlabel="probability of the predicted class", ylabel="images")
    return Section(
        anchor="reliability",
        title="Reliability",
        caption="Of images that the network is 80 % sure of, 80 % should be right: points below the line are "
        f"too sure. Calibration error (ECE) {ece}.",
        pictures=(Picture("reliability-diagram", "Accuracy by probability, 95 % intervals", figure),),
    )


def conditions_section(judgement: ClassJudgement) -> Section | None:
    """Return accuracy against size and brightness, as far as images differ in them; None where in neither."""
    table = judgement.images
    sides = np.sqrt(table.width.to_numpy("float64") * table.height.to_numpy("float64"))
    brightness = table.brightness.to_numpy("float64")
    kinds = (
        ("size", "Size: square root of width times height, in pixels", sides),
        ("brightness", "Mean brightness, 0 black to 1 white", brightness),
    )
    right = judgement.outcomes.right
    pictures = tuple(
        Picture(f"accuracy-by-{name}", title, _by_parts(values, right))
        for name, title, values in kinds
        if len(np.unique(values[np.isfinite(values)])) > 1
    )
    if not pictures:
        return None
    caption = f"Each point is up to a {PARTS}th of the images, with its 95 % interval."
    return Section(
        anchor="conditions", title="Accuracy by size and brightness", caption=caption, pictures=pictures
    )


def _by_parts(values: np.ndarray, right: np.ndarray) -> Figure:
    known = np.isfinite(values)
    values, right = values[known], right[known]
    edges = np.unique(np.quantile(values, np.linspace(0, 1, PARTS + 1)[1:-1]))
    part = np.searchsorted(edges, values)
    _, part, counts = np.unique(part, return_inverse=True, return_counts=True)
    middle = np.bincount(part, values) / counts
    accuracy = np.bincount(part, right) / counts
    figure = new_figure(240)
    axes = figure.subplots()
    axes.errorbar(middle, accuracy, _bars(accuracy, counts), fmt="o-", markersize=4, color=COLOURS[0])
    axes.set(ylabel="accuracy", ylim=(min(0.5, float(accuracy.min()) - 0.1), 1.02))
    return figure


def _bars(share: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return how far 95 % intervals reach below and above shares, (2, N)."""
    low, high = wilson_ends(share, counts)
    return np.maximum(np.stack([share - low, high - share]), 0)


def residuals_section(judgement: ValueJudgement) -> Section:
    """Return predicted against right numbers, and the residuals, of the first targets."""
    truth, pictures = judgement.split.labels.astype("float64"), []
    for number, target in enumerate(judgement.classes[:MOST_TARGETS]):
        figure = _residuals(truth[:, number], judgement.predictions[:, number])
        name = printable(target)
        pictures.append(Picture(f"residuals-{anchor_of(target)}", f"{name}: predicted, residual", figure))
    caption = "Each point is an image. Above, predicted against right; below, predicted less right."
    if len(truth) > MOST_DOTS:
        caption += f" {MOST_DOTS:,} of {len(truth):,} images are drawn."
    return Section(anchor="residuals", title="Residuals", caption=caption, pictures=tuple(pictures))


def _residuals(truth: np.ndarray, predicted: np.ndarray) -> Figure:
    drawn = np.unique(np.linspace(0, len(truth) - 1, MOST_DOTS).astype(int))
    truth, predicted = truth[drawn], predicted[drawn]
    figure = new_figure(420)
    above, below = figure.subplots(2, 1, sharex=True)
    ends = (truth.min(), truth.max())
    above.plot(ends, ends, color=INK, linestyle="--", linewidth=1)
    above.plot(truth, predicted, ".", markersize=3, color=COLOURS[0])
    above.set(ylabel="predicted")
    below.axhline(0, color=INK, linestyle="--", linewidth=1)
    below.plot(truth, predicted - truth, ".", markersize=3, color=COLOURS[0])
    below.set(xlabel="right", ylabel="residual")
    return figure
