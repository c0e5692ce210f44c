"""What networks cost, how fast they are, how good published ones are; nothing is trained."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerasnets import runtime
from kerasnets.api.arguments import PathLike, RecipeLike
from kerasnets.benchmarking.case import make_case
from kerasnets.errors import UserError
from kerasnets.recipe import Recipe

if TYPE_CHECKING:
    import pandas as pd

    from kerasnets.benchmarking.result import BenchResult
    from kerasnets.inference.evaluate import Evaluation
    from kerasnets.network_sizes import Summary


def summary(
    what: RecipeLike,
    *,
    input_shape: tuple[int, int, int] | None = None,
    classes: int | None = None,
    options: Mapping[str, Any] | None = None,
    batch: int | None = None,
    optimizer: str | None = None,
    precision: str | None = None,
    memory: int | None = None,
) -> "Summary":
    """Size a network layer by layer, and estimate the memory of training it; nothing is allocated.

    Args:
        what: an architecture's or a recipe's name, the path of a TOML file, a `Recipe` or a run directory.
        input_shape: (height, width, channels); by default the paper's, or what the recipe's data will be.
        classes: number of logits; by default the paper's, or the recipe's data's.
        options: further arguments of an architecture's builder, by name.
        batch: images in a training step; by default the recipe's. An architecture without one gets no
            estimate of training.
        optimizer: "sgd", "sgd_momentum", "adagrad", "rmsprop" or "adam"; by default the recipe's, or
            "sgd_momentum".
        precision: "float32", "mixed_bfloat16" or "mixed_float16"; by default the recipe's, or "float32".
        memory: bytes of memory to find the largest batch for.

    Returns:
        Tables `layers` and `training`, and `largest_batch`.

    Raises:
        UserError: nothing has that name, or the network cannot be built with these arguments.

    Example:
        >>> kerasnets.summary("vgg16").layers.parameters.sum().item()
        138357544
    """
    runtime.prepare()
    from kerasnets.network_sizes import summarize

    return summarize(
        what,
        input_shape=input_shape,
        classes=classes,
        options=options,
        batch=batch,
        optimizer=optimizer,
        precision=precision,
        memory=memory,
    )


def size(volume: str, layers: Sequence[str]) -> "pd.DataFrame":
    """Size a stack of layers typed by hand, for one image.

    Args:
        volume: the input, "HEIGHTxWIDTHxCHANNELS".
        layers: such as "conv10-3x3-s2-p1-g2", "pool3-s2", "relu", "fc10"; see
            `kerasnets.sizing.stack.stack_sizes`, which also says what the table holds.

    Returns:
        DataFrame, a row for the input and one a layer.

    Raises:
        UserError: a layer that cannot be read, or that does not fit its input.

    Example:
        >>> kerasnets.size("32x32x3", ["conv10-3x3", "relu", "pool2", "fc10"]).weights.sum().item()
        25870
    """
    from kerasnets.sizing.stack import stack_sizes

    return stack_sizes(volume, layers)


def evaluate_weights(
    network: RecipeLike,
    weights: PathLike,
    data: PathLike,
    *,
    split: str | None = None,
    views: str | None = None,
    short_sides: Sequence[int] | None = None,
    overrides: Mapping[str, Any] | None = None,
    to: PathLike | None = None,
) -> "Evaluation":
    """Measure published weights on anybody's images, with no run.

    An architecture's images are prepared as they were for the weights, which is known by who publishes them;
    a recipe's as it says. Classes are those of the data, in its order. Networks of ImageNet's 1,000 classes
    find theirs by wnid, by name or by number, and the data may have some of them alone.

    Args:
        network: an architecture's name; or a `Recipe`, a shipped recipe's name or the path of a TOML file, of
            which the network, [[preprocess]], [evaluation] and [data] `audit` are used.
        weights: file of the weights, or "imagenet" for what keras.applications publishes.
        data: a folder of images or of packed shards, a CSV or NPZ file, or a source: "cifar10".
        split: "train", "validation" or "test"; by default the first that the data has of test, validation
            and train.
        views: "center", "ten_crop", "crops_144" or "dense", see `kerasnets.inference.views`.
        short_sides: lengths in pixels that each image's short side is resized to, for these views.
        overrides: keys to change and their values, as of `train`: `{"model.options.version": 1.5}`,
            `{"data.audit.truncated": "skip"}`. An architecture stands for a recipe that has only defaults.
        to: folder for the tables and the page that `evaluate` describes; by default they are not kept.

    Returns:
        An `Evaluation`, as `evaluate` returns it.

    Raises:
        UserError: there is no such network, data or split; the weights do not fit; nobody knows how images
            were prepared for them; or the data has a class that the network does not know.

    Example:
        >>> kerasnets.evaluate_weights("resnet20", "resnet20.npz", "cifar10")  # doctest: +SKIP
    """
    runtime.prepare()
    from kerasnets.files.whole_files import check_writable
    from kerasnets.inference.published_weights import measure_published
    from kerasnets.report.judgement.page import write_judgement

    if to is not None:
        check_writable(Path(to), "the evaluation")
    measured = measure_published(
        network, weights, data, split=split, views=views, short_sides=short_sides, overrides=overrides
    )
    if to is None or measured.judgement is None:
        return measured
    title = f"{weights}: {data}, {measured.split}"
    page = write_judgement(Path(to), measured.judgement, title=title, about=measured.about())
    return replace(measured, page=page)


def complexity(to: PathLike | None = None, names: Sequence[str] | None = None) -> "pd.DataFrame":
    """Compare architectures: published ImageNet accuracy, and what one image costs.

    Args:
        to: a folder for complexity.csv and complexity.png; by default nothing is written.
        names: architectures; by default all with a published accuracy.

    Returns:
        DataFrame, one row an architecture: `name`, `family`, `parameters`, `macs`, `flops`, `top1` (percent),
        `views` (crops of an image it was measured on) and `source`.

    Raises:
        UserError: an architecture without a published accuracy, or `to` is a file.

    Example:
        >>> kerasnets.complexity(names=["resnet18"]).macs.item()
        1814073344
    """
    runtime.prepare()
    from kerasnets.sizing.complexity import complexity_table, write_complexity

    return complexity_table(names) if to is None else write_complexity(to, names)


def bench(
    what: RecipeLike,
    *,
    batch: int | None = None,
    precision: str | None = None,
    backend: str = "tensorflow",
    input_shape: tuple[int, int, int] | None = None,
    classes: int | None = None,
    options: Mapping[str, Any] | None = None,
    steps: int | None = None,
) -> "BenchResult":
    """Measure how fast a network trains and predicts on this machine.

    A training step has parts: `compute`, with a batch that lies on the device; `input`, what it takes longer
    with batches that have to come; and `callbacks`, update ratios and activation statistics at the recipe's
    cadence, and on TensorFlow checkpoints. The learning rate is zero meanwhile.

    Args:
        what: an architecture's or a recipe's name, the path of a TOML file or a `Recipe`. A recipe gives
            network, loss, optimizer, batch and precision, and on TensorFlow its own images, where they are on
            this machine. Otherwise images are generated.
        batch: images in an optimizer step; by default the recipe's, or 32.
        precision: "float32", "mixed_bfloat16" or "mixed_float16"; by default the recipe's.
        backend: "tensorflow", "jax" or "torch"; TensorFlow is loaded only for the first.
        input_shape: (height, width, channels); by default what the recipe's data will be, or the paper's.
        classes: number of logits; by default likewise.
        options: further arguments of an architecture's builder, by name.
        steps: training steps in each of five repeats; by default as many as take about a second.

    Returns:
        A `kerasnets.benchmarking.result.BenchResult`; printed, it is a text of ten lines. The operations of
        training count three times those of the forward pass.

    Raises:
        UserError: an unknown name, backend or precision, a backend that is not installed, a batch that does
            not fit into memory.

    Example:
        >>> print(kerasnets.bench("resnet50", batch=16))  # doctest: +SKIP
    """
    if steps is not None and steps < 1:
        raise UserError(f"--steps: found {steps}, allowed: 1 or more")
    case = make_case(
        what if isinstance(what, Recipe) else os.fspath(what),
        batch=batch,
        precision=precision,
        backend=backend,
        input_shape=input_shape,
        classes=classes,
        options=options,
    )
    runtime.prepare_backend(backend)
    from kerasnets.benchmarking.run import run_bench

    return run_bench(case, steps)
