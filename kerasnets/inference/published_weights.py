"""Published weights made ready to be measured on anybody's images, with no run of ours."""

import json
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import keras
import numpy as np

from kerasnets import models
from kerasnets.catalog.sources import find_source
from kerasnets.data.dataset import Dataset
from kerasnets.data.preprocessing.steps import Preprocessing
from kerasnets.data.sources.load import audited, read_source
from kerasnets.data.sources.named import named_data
from kerasnets.data.splits.by_hash import Shares
from kerasnets.errors import UserError, nearest
from kerasnets.inference.evaluate import Evaluation, predict_split, scores
from kerasnets.inference.output_classes import output_classes
from kerasnets.judgement.judge import judge
from kerasnets.recipe import Recipe, changed, load_recipe, recipe_names
from kerasnets.runs.dataset import audit_settings
from kerasnets.runs.network import build_network
from kerasnets.runs.trained_run import TrainedNetwork
from kerasnets.weights.availability import VARIANTS
from kerasnets.weights.loading import FittingWeights, fitting_weights

log = logging.getLogger("kerasnets")

MEASURED_FIRST = ("test", "validation", "train")
"""Splits, the one first that tells most."""

BATCH = 64
"""Images that a network without a recipe runs forward at once."""


@dataclass(frozen=True, kw_only=True)
class PublishedNetwork:
    """A network with published weights, and the images to measure it on.

    Attributes:
        network: with the preprocessing that belongs to the weights, and a name for each of its outputs.
        dataset: audited; its training split, the only one, is what is to be measured.
        split: name of that split in the data; "all" where the data is not split.
    """

    network: TrainedNetwork
    dataset: Dataset
    split: str


def open_published(
    what: Recipe | str | os.PathLike[str],
    weights: str | os.PathLike[str],
    data: str | os.PathLike[str],
    *,
    split: str | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> PublishedNetwork:
    """Build a network with published weights, and read the images to measure it on.

    An architecture's images are prepared as they were for the weights, which
    `kerasnets.weights.published_input` knows; a recipe's as it says. An output of ImageNet's networks stands
    for the class that the standard index has there, and only the classes of `data` are looked for; other
    networks have the classes of `data`.

    Args:
        what: an architecture's name, or a recipe: its network and its preprocessing are used, and how it
            audits and reads images.
        weights: as of `kerasnets.load_weights`.
        data: as of `kerasnets.data.sources.named.named_data`.
        split: which split of the data; by default the first that it has of test, validation and train.
        overrides: keys of the recipe to change and their values; of an architecture those of one that has
            nothing but defaults. With `preprocess` among them an architecture's images are prepared so.

    Raises:
        UserError: there is no such network, data or split; the weights do not fit; nobody knows how images
            were prepared for them; a class that the network does not have.
    """
    source, path = named_data(data)
    alone = isinstance(what, str) and what in models.BUILDERS
    base = changed(_untrained(str(what)) if alone else _given(what), overrides or {})
    by_kind = alone and not base.preprocess
    recipe = _measuring(base, weights, source=source, path=path, channels=_channels(base, alone=alone))
    listed = read_source(source, path, recipe.data.channels, workers=recipe.data.workers)
    if listed.numeric:
        raise UserError(f"{data}: found numeric targets, allowed: classes")
    dataset, name = _only(listed, split, origin=data)
    prepare = _prepared_by_kind if by_kind else _prepared_by_recipe
    network, preprocessing = prepare(recipe, dataset)
    try:
        numbers, names = output_classes(dataset.classes, network.output_shape[-1], user=path is not None)
    except UserError as error:
        raise UserError(f"{data}: {error}") from None
    dataset = audited(
        dataset,
        path or source,
        shares=Shares(0, 0),
        workers=recipe.data.workers,
        **audit_settings(recipe),
    )
    labels = np.array([numbers[each] for each in dataset.classes], "int64")[dataset.train.labels]
    return PublishedNetwork(
        network=TrainedNetwork(recipe=recipe, network=network, preprocessing=preprocessing, classes=names),
        dataset=replace(dataset, train=replace(dataset.train, labels=labels), classes=names),
        split=name,
    )


def measure_published(
    what: Recipe | str | os.PathLike[str],
    weights: str | os.PathLike[str],
    data: str | os.PathLike[str],
    *,
    split: str | None = None,
    views: str | None = None,
    short_sides: Sequence[int] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Evaluation:
    """Measure published weights; see `kerasnets.evaluate_weights`."""
    opened = open_published(what, weights, data, split=split, overrides=overrides)
    network, images = opened.network, opened.dataset.train
    predicted = predict_split(network, images, views=views, short_sides=short_sides)
    return Evaluation(
        run=os.fspath(weights),
        split=opened.split,
        views=predicted.views,
        short_sides=predicted.short_sides,
        judgement=judge(predicted.predictions, images, network.classes, workers=network.recipe.data.workers),
        **scores(network, predicted.predictions, images.labels),
    )


def _untrained(name: str) -> Recipe:
    """Return an architecture as a recipe, which holds all that opening, reading and measuring take."""
    return Recipe.model_validate(
        {
            "name": name,
            "model": {"name": name},
            # others measured damaged files too
            "data": {"source": "folder", "path": ".", "audit": {"damaged": "keep"}},
            # nothing is trained, but no recipe is without these
            "optimizer": {"name": "sgd", "learning_rate": 0.1},
            "train": {"epochs": 1, "batch_size": BATCH},
        }
    )


def _given(what: Recipe | str | os.PathLike[str]) -> Recipe:
    if isinstance(what, Recipe):
        return what
    if os.fspath(what) in recipe_names() or os.fspath(what).endswith(".toml"):
        return load_recipe(what)
    known = [*models.BUILDERS, *recipe_names()]
    raise UserError(
        f"{what}: found no such network, allowed with weights: an architecture, a recipe or a TOML file"
        + nearest(what, known)
    )


def _channels(recipe: Recipe, *, alone: bool) -> int | None:
    """Return how many channels the images have that a recipe, or an architecture's paper, is for."""
    shape = models.paper_input(recipe.model.name) if alone else find_source(recipe.data.source).image_shape
    return recipe.data.channels or (shape[-1] if shape else None)


def _measuring(
    recipe: Recipe,
    weights: str | os.PathLike[str],
    *,
    source: str,
    path: str | None,
    channels: int | None,
) -> Recipe:
    """Return a recipe with other weights and other images."""
    return changed(
        recipe,
        {
            "model.weights": os.fspath(weights),
            "model.new_head": False,
            "initialization.from_run": None,
            "data.source": source,
            "data.path": path,
            "data.channels": channels if find_source(source).encoded else None,
        },
    )


def _only(dataset: Dataset, split: str | None, *, origin: object) -> tuple[Dataset, str]:
    """Return a dataset that has the chosen split alone, as "train", and the name of the split."""
    if split is not None and split not in dataset.splits:
        raise UserError(f"{origin}: split {split!r}, allowed: {', '.join(dataset.splits)}")
    chosen = split or next(name for name in MEASURED_FIRST if name in dataset.splits)
    findings = tuple(each for each in dataset.findings if each.split in ("", chosen))
    only = replace(dataset, train=dataset.splits[chosen], validation=None, test=None, findings=findings)
    return only, chosen if len(dataset.splits) > 1 else "all"


def _prepared_by_kind(recipe: Recipe, dataset: Dataset) -> tuple[keras.Model, Preprocessing]:
    """Return the network, and the preprocessing that belongs to its weights."""
    own = dict(recipe.model.options)
    variants = [own] if own else VARIANTS.get(recipe.model.name, ({},))
    network, weights = _loaded(recipe, None, len(dataset.classes), variants=variants)
    if not weights.values:
        raise UserError(
            f"{recipe.model.weights}: only who trained these weights knows how images were prepared for "
            f"them; allowed: in place of {recipe.model.name} a recipe, whose [[preprocess]] says it"
        )
    height, width, channels = network.input_shape[1:]
    image_height, image_width, found = dataset.image_shape
    if found != channels:
        raise UserError(f"{recipe.model.name}: takes images of {channels} channels, found {found}")
    crop = weights.convention.crop.steps((height, width), (image_height, image_width))
    steps = [*crop, *weights.values]
    log.info("images as %s prepares them: preprocess = %s", weights.convention.source, json.dumps(steps))
    return network, Preprocessing(steps, dataset.image_shape).fit(None)


def _prepared_by_recipe(recipe: Recipe, dataset: Dataset) -> tuple[keras.Model, Preprocessing]:
    """Return the network and the preprocessing of a recipe."""
    try:
        preprocessing = Preprocessing([step.model_dump() for step in recipe.preprocess], dataset.image_shape)
    except UserError as error:
        raise UserError(f"{recipe.origin}: {error}") from None
    if preprocessing.needs:
        raise UserError(
            f"{recipe.origin}: preprocess: found steps that take statistics of training images, allowed: "
            "steps with numbers, such as standardize with mean and std; or a run, which keeps its statistics"
        )
    variants = [dict(recipe.model.options)]
    network, _ = _loaded(recipe, preprocessing.output_shape, len(dataset.classes), variants=variants)
    return network, preprocessing.fit(None)


def _loaded(
    recipe: Recipe,
    input_shape: tuple[int, ...] | None,
    classes: int,
    *,
    variants: Sequence[Mapping[str, Any]],
) -> tuple[keras.Model, FittingWeights]:
    """Return a network with its weights.

    Args:
        recipe: names the architecture and the weights.
        input_shape: (height, width, channels); None for the paper's.
        classes: number of outputs that is tried where the weights are not for as many as the paper has.
        variants: options of the builder to try, one after the other.
    """
    refusals: list[UserError] = []
    for options, outputs in product(variants, (None, classes)):
        built = changed(recipe, {"model.options": dict(options)})
        network = build_network(built, input_shape, outputs)
        try:
            weights = fitting_weights(network, recipe.model.weights or "")
        except UserError as error:
            refusals.append(error)
        else:
            weights.assign(network)
            return network, weights
    raise refusals[0]
