"""Small data sets without a download: scikit-learn's, patches of its two photographs, and made ones."""

from dataclasses import replace
from functools import cache
from typing import Any

import keras
import numpy as np
from sklearn import datasets

from kerasnets.studies.faults.program import Data


def _split(x: np.ndarray, y: np.ndarray, *, seed: int = 0, share: float = 0.2) -> Data:
    """Return shuffled data, a share of it as validation."""
    order = np.random.default_rng(seed).permutation(len(x))
    held, kept = np.split(order, [round(share * len(x))])
    return Data(x=x[kept], y=y[kept], validation=(x[held], y[held]))


def _standardized(x: np.ndarray) -> np.ndarray:
    return ((x - x.mean(0)) / (x.std(0) + 1e-9)).astype("float32")


@cache
def digits(*, raw: bool = False, size: int = 8, channels: int = 1) -> Data:
    """Return the 1,797 handwritten digits as images.

    Args:
        raw: 0 to 255, otherwise 0 to 1.
        size: height and width in pixels, a multiple of 8.
        channels: copies of the only channel.
    """
    bunch = datasets.load_digits()
    images = np.kron(bunch.images / 16, np.ones((1, size // 8, size // 8)))[..., None]
    images = np.repeat(images, channels, axis=-1).astype("float32")
    return _split(images * (255 if raw else 1), bunch.target)


@cache
def iris(*, raw: bool = False) -> Data:
    """Return 150 flowers of three kinds, four numbers each; raw or standardized."""
    bunch = datasets.load_iris()
    return _split(bunch.data.astype("float32") if raw else _standardized(bunch.data), bunch.target)


@cache
def wine(*, raw: bool = False) -> Data:
    """Return 178 wines of three kinds, thirteen numbers each, up to 1,680 where raw."""
    bunch = datasets.load_wine()
    return _split(bunch.data.astype("float32") if raw else _standardized(bunch.data), bunch.target)


@cache
def tumors(*, raw: bool = False) -> Data:
    """Return 569 tumors of two kinds, thirty numbers each, up to 4,254 where raw."""
    bunch = datasets.load_breast_cancer()
    return _split(bunch.data.astype("float32") if raw else _standardized(bunch.data), bunch.target)


@cache
def diabetes(*, raw: bool = False) -> Data:
    """Return 442 patients, ten numbers each, and how far their illness went: 25 to 346 where raw."""
    bunch = datasets.load_diabetes()
    y = bunch.target.astype("float32")
    return _split(_standardized(bunch.data), y if raw else _standardized(y))


@cache
def blobs(classes: int = 3, *, spread: float = 2.0) -> Data:
    """Return 1,000 points of the plane around as many centres as there are classes."""
    x, y = datasets.make_blobs(1000, centers=classes, cluster_std=spread, random_state=2)
    return _split(_standardized(x), y)


@cache
def circles() -> Data:
    """Return 1,000 points on two rings, which no line parts."""
    x, y = datasets.make_circles(1000, noise=0.1, factor=0.4, random_state=1)
    return _split(_standardized(x), y)


@cache
def moons() -> Data:
    """Return 1,000 points on two half rings that reach into each other."""
    x, y = datasets.make_moons(1000, noise=0.15, random_state=1)
    return _split(_standardized(x), y)


@cache
def xor(examples: int = 800) -> Data:
    """Return points of the plane with the sign of their coordinates' product as their class."""
    x = np.random.default_rng(0).uniform(-1, 1, (examples, 2)).astype("float32")
    return _split(x * 1.7, (x[:, 0] * x[:, 1] > 0).astype("int64"))


@cache
def curve(*, raw: bool = False) -> Data:
    """Return y = x² at 800 points, -1.7 to 1.7, standardized; raw x from 0 to 400, y up to 160,000."""
    x = np.random.default_rng(0).uniform(0, 400, (800, 1)).astype("float32")
    if raw:
        return _split(x, x[:, 0] ** 2)
    x = (x - 200) / 116
    return _split(x, _standardized(x[:, 0] ** 2))


@cache
def prices(*, raw: bool = False) -> Data:
    """Return 800 made houses, eight standardized numbers each, and prices: about a million where raw."""
    x, y = datasets.make_regression(800, 8, noise=10, random_state=0)
    y = _standardized(y)
    return _split(_standardized(x), 1e6 + 4e5 * y if raw else y)


@cache
def signals(classes: int = 2, examples: int = 600) -> Data:
    """Return noisy waves of 64 numbers; the first class has a period of 6, each further one 4 more."""
    random = np.random.default_rng(5)
    y = random.integers(0, classes, examples)
    phase = random.uniform(0, 2 * np.pi, (examples, 1))
    waves = np.sin(2 * np.pi * np.arange(64) / (6 + 4 * y[:, None]) + phase)
    x = waves + random.normal(0, 0.5, waves.shape)
    return _split(x[..., None].astype("float32"), y)


@cache
def topics() -> Data:
    """Return 800 texts as standardized counts of twenty words, and which of three topics each has."""
    x, y = datasets.make_multilabel_classification(800, 20, n_classes=3, random_state=0)
    return _split(_standardized(x), y.astype("float32"))


@cache
def collisions(*, raw: bool = False) -> Data:
    """Return 1,000 events of two kinds, thirty numbers each; raw ones of many units, -999 where unknown."""
    x, y = datasets.make_classification(1000, 30, n_informative=10, class_sep=1.5, random_state=3)
    if raw:
        random = np.random.default_rng(3)
        x = x * 10.0 ** random.uniform(-1, 3, 30)
        x[random.random(x.shape) < 0.1] = -999
    return _split(x.astype("float32") if raw else _standardized(x), y)


@cache
def hastie() -> Data:
    """Return 1,200 points of ten dimensions, near their middle or far from it (Hastie 2009, example 10.2)."""
    x, y = datasets.make_hastie_10_2(1200, random_state=4)
    return _split(x.astype("float32"), (y > 0).astype("int64"))


@cache
def shells() -> Data:
    """Return 900 points of four dimensions in three shells around a centre."""
    x, y = datasets.make_gaussian_quantiles(n_samples=900, n_features=4, n_classes=3, random_state=4)
    return _split(x.astype("float32"), y)


@cache
def friedman() -> Data:
    """Return 800 points of ten numbers, and a curved function of five of them (Friedman 1991)."""
    x, y = datasets.make_friedman1(800, noise=0.5, random_state=4)
    return _split(_standardized(x), _standardized(y))


@cache
def dates() -> Data:
    """Return 600 examples of 28 numbers, and six standardized numbers that follow from them."""
    x, y = datasets.make_regression(600, 28, n_targets=6, noise=5, random_state=4)
    return _split(_standardized(x), _standardized(y))


@cache
def photographs(*, size: int = 32, examples: int = 1200) -> Data:
    """Return patches of two photographs, a temple's and a flower's, in colour, standardized.

    Args:
        size: height and width in pixels.
        examples: how many.
    """
    images = datasets.load_sample_images().images
    random = np.random.default_rng(0)
    y = random.integers(0, 2, examples)
    patches = []
    for image in (images[label] for label in y):
        top, left = (random.integers(0, limit - size) for limit in image.shape[:2])
        patches.append(image[top : top + size, left : left + size])
    x = np.stack(patches).astype("float32")
    return _split((x - x.mean()) / x.std(), y)


def one_hot(data: Data) -> Data:
    """Return the same with one-hot labels."""
    classes = int(max(data.y)) + 1

    def encoded(y: Any) -> np.ndarray:
        return keras.utils.to_categorical(y, classes)

    validation = data.validation and (data.validation[0], encoded(data.validation[1]))
    return replace(data, y=encoded(data.y), validation=validation)


def with_labels(data: Data, change: Any) -> Data:
    """Return the same with `change(labels)` for all labels, those of the validation too."""
    validation = data.validation and (data.validation[0], change(data.validation[1]))
    return replace(data, y=change(data.y), validation=validation)


def few(data: Data, examples: int) -> Data:
    """Return the same with that many training examples."""
    return replace(data, x=data.x[:examples], y=data.y[:examples])


def by_class(data: Data) -> Data:
    """Return the same with the training examples ordered by their class."""
    order = np.argsort(data.y, kind="stable")
    return replace(data, x=data.x[order], y=data.y[order])
