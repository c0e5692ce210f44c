"""All that a run knows before anything is written: images, preprocessing, augmentation."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf

from kerasnets.data.audit.result import Audit
from kerasnets.data.augmentation.crops import split_crop
from kerasnets.data.dataset import Dataset, Split
from kerasnets.data.pipeline.batches import evaluation_batches, spatial_batches, training_batches
from kerasnets.data.pipeline.decoded_cache import keep_decoded
from kerasnets.data.pipeline.decoded_store import StoredImages
from kerasnets.data.pipeline.order import BatchPlan
from kerasnets.data.pipeline.read import Reading
from kerasnets.data.preprocessing.statistics import Moments, training_moments
from kerasnets.data.preprocessing.steps import Preprocessing
from kerasnets.data.sources.load import audited, read_source
from kerasnets.errors import UserError
from kerasnets.recipe import Recipe, changed
from kerasnets.runs.dataset import audit_settings, recipe_shares
from kerasnets.runs.network import build_network
from kerasnets.sizing.layers import shapes_only
from kerasnets.terminal import phase, say
from kerasnets.training.setup.batch_size import choose_batch, training_room
from kerasnets.training.setup.refusals import check_augmentation, check_dealt, check_loss, check_views

LEAVES_CLASSES_OUT = ("empty_class", "one_image_class", "unknown_class")
"""Kinds of findings whose policy "skip" leaves classes out."""


@dataclass(frozen=True, kw_only=True)
class TrainingInputs:
    """All that a run needs before anything is written.

    Attributes:
        recipe: the `Recipe`.
        dataset: its images.
        preprocessing: with statistics of the training split.
        operations: augmentation tables with statistics in numbers.
        plan: which images make each training batch, and which part of it this host makes.
        reading: how batches are read.
    """

    recipe: Recipe
    dataset: Dataset
    preprocessing: Preprocessing
    operations: list[dict[str, Any]]
    plan: BatchPlan
    reading: Reading
    _decoded: dict[int, np.ndarray | StoredImages | None] = field(default_factory=dict, repr=False)

    @property
    def steps_per_epoch(self) -> int:
        """Optimizer steps in an epoch; the images that fill no whole batch wait for another epoch."""
        return self.plan.steps_per_epoch(len(self.dataset.train))

    def training_batches(
        self, first_epoch: int = 0, first_step: int = 0, *, augmented: bool = True
    ) -> tf.data.Dataset:
        """Return the batches of the run from (first_epoch, first_step) on."""
        operations = self.operations if augmented else []
        crop, _ = split_crop(operations)
        decoded = None if crop else self.decoded(self.dataset.train)
        return training_batches(
            self.dataset.train,
            self.preprocessing,
            operations,
            plan=self.plan.starting_at(first_epoch, first_step),
            classes=len(self.dataset.classes),
            decoded=decoded,
            reading=self.reading,
        )

    def evaluation_batches(self, split: Split, *, repeated: bool = False) -> tf.data.Dataset:
        """Return a split's batches without augmentation; `repeated` says that they are read every epoch."""
        return evaluation_batches(
            split,
            self.preprocessing,
            classes=len(self.dataset.classes),
            batch_size=self.recipe.train.evaluation_batch,
            decoded=self.decoded(split) if repeated else None,
            reading=self.reading,
        )

    def decoded(self, split: Split) -> np.ndarray | StoredImages | None:
        """Return a split's images decoded, where the recipe keeps them so and they fit; else None.

        They stay for the rest of the run; a split that comes later has what is left of `data.cache_gib`.
        """
        if id(split) not in self._decoded:
            self._decoded[id(split)] = self._newly_decoded(split)
        return self._decoded[id(split)]

    def _newly_decoded(self, split: Split) -> np.ndarray | StoredImages | None:
        data = self.recipe.data
        kept = sum(one.nbytes for one in self._decoded.values() if isinstance(one, np.ndarray))
        limit, disk_limit = data.cache_gib * 2**30 - kept, data.disk_gib * 2**30
        report = say if self.plan.host == 0 else None
        try:
            return keep_decoded(
                split,
                self.preprocessing,
                self.reading,
                cache=data.cache,
                limit=limit,
                disk_limit=disk_limit,
                report=report,
            )
        except UserError as error:
            raise UserError(f"{self.recipe.origin}: {error}") from None


def batch_plan(
    recipe: Recipe, *, host: int = 0, hosts: int = 1, labels: np.ndarray | None = None
) -> BatchPlan:
    """Return how a recipe's training batches are made, from its first step on; see `BatchPlan`.

    Args:
        recipe: of the run.
        host, hosts: whose part of every batch is made, and how many there are.
        labels: int (N,), the class of each training image; needed where the recipe draws classes equally.
    """
    train, streams = recipe.train, recipe.data.streams
    balanced = labels if recipe.data.sampling == "balanced" else None
    return BatchPlan(
        train.batch, train.seed, train.epochs,
        streams=streams, host=host, hosts=hosts, balanced=balanced,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ListedInputs:
    """What is known of a run before any image is opened.

    Attributes:
        recipe: the `Recipe`; what follows from it and from the list of images has been checked.
        dataset: the source's images, neither audited nor split.
        preprocessing: without statistics.
        operations: augmentation tables as in the recipe.
    """

    recipe: Recipe
    dataset: Dataset
    preprocessing: Preprocessing
    operations: list[dict[str, Any]]

    @property
    def classes_may_go(self) -> bool:
        """Whether the audit may leave classes out."""
        policies = audit_settings(self.recipe)["policies"]
        return any(policies[kind] == "skip" for kind in LEAVES_CLASSES_OUT)

    @property
    def validated(self) -> bool:
        """Whether there will be validation images."""
        return self.dataset.validation is not None or self.recipe.data.validation > 0

    @property
    def measured(self) -> list[str]:
        """Names in the logs of what every epoch will measure."""
        names = ["loss", "mean_absolute_error" if self.dataset.numeric else "accuracy"]
        return [*names, *(f"val_{name}" for name in names)] if self.validated else names


def list_inputs(recipe: Recipe) -> ListedInputs:
    """Return the `ListedInputs` of a recipe, whose images are listed and not opened.

    Raises:
        UserError: there is no such data, or the recipe does not fit it.
    """
    data = recipe.data
    dataset = read_source(data.source, data.path, data.channels, workers=data.workers)
    check_loss(recipe, dataset)
    try:
        preprocessing = Preprocessing([step.model_dump() for step in recipe.preprocess], dataset.image_shape)
    except UserError as error:
        raise UserError(f"{recipe.origin}: {error}") from None
    operations = [operation.model_dump() for operation in recipe.augment]
    check_augmentation(recipe, operations, preprocessing)
    check_views(recipe, preprocessing)
    return ListedInputs(recipe=recipe, dataset=dataset, preprocessing=preprocessing, operations=operations)


def prepare_inputs(
    listed: ListedInputs,
    *,
    report: Callable[[Audit], None] | None = None,
    host: int = 0,
    hosts: int = 1,
    devices: int = 1,
    check: Callable[[Dataset], None] | None = None,
) -> TrainingInputs:
    """Audit and split the images of a run, and take the statistics that it needs of them.

    Args:
        listed: what is known of them.
        report: called with the audit.
        host, hosts: whose share of every batch is read, and how many there are.
        devices: how many of this host share a batch, where their number is to be chosen.
        check: called with the audited images before any statistics are taken; it may refuse them.
    """
    recipe, preprocessing = listed.recipe, listed.preprocessing
    data = recipe.data
    dataset = audited(
        listed.dataset,
        data.path or data.source,
        shares=recipe_shares(recipe),
        workers=data.workers,
        report=report,
        **audit_settings(recipe),
    )
    if check:
        check(dataset)
    recipe = _with_batch(recipe, dataset, preprocessing, devices=devices)
    _check_batches(recipe, len(dataset.train))
    plan = batch_plan(recipe, host=host, hosts=hosts, labels=dataset.train.labels)
    check_dealt(recipe, dataset)
    reading = Reading(data.workers, data.prefetch)
    return TrainingInputs(
        recipe=recipe,
        dataset=dataset,
        preprocessing=preprocessing,
        operations=_with_statistics(listed, dataset.train, reading),
        plan=plan,
        reading=reading,
    )


def _with_statistics(listed: ListedInputs, train: Split, reading: Reading) -> list[dict[str, Any]]:
    """Fit the preprocessing to the training images; return the augmentation tables, words made numbers."""
    preprocessing, operations = listed.preprocessing, listed.operations
    in_words = [o for o in operations if o.get("fill") == "mean" or o.get("axes") == "training"]
    if not (preprocessing.needs or in_words):
        preprocessing.fit(None)
        return operations
    phase("taking statistics of the training images")
    moments = training_moments(
        train,
        [preprocessing.spatial_steps, preprocessing.image_shape],
        lambda: spatial_batches(train, preprocessing, reading),
        products=preprocessing.needs == "products",
    )
    preprocessing.fit(moments)
    return [_in_numbers(operation, moments) for operation in operations]


def _with_batch(recipe: Recipe, dataset: Dataset, preprocessing: Preprocessing, *, devices: int) -> Recipe:
    """Return a recipe with a number for a batch size of "auto", and say which and why."""
    if recipe.train.batch_size != "auto":
        return recipe
    with shapes_only():
        network = build_network(recipe, preprocessing.output_shape, dataset.classes, heads=True)
    images, room = len(dataset.train), training_room()
    batch, reason = choose_batch(recipe, network, images=images, devices=devices, room=room)
    say(f"batch size: {batch}: {reason}")
    return changed(recipe, {"train.batch_size": batch})


def _check_batches(recipe: Recipe, images: int) -> None:
    if not batch_plan(recipe).steps_per_epoch(images):
        raise UserError(
            f"{recipe.origin}: train.batch_size: found {recipe.train.batch}, allowed: up to "
            f"{images // recipe.data.streams * recipe.data.streams}, the training images there are"
        )


def _in_numbers(operation: dict[str, Any], moments: Moments) -> dict[str, Any]:
    """Return an augmentation table with the statistics it names by a word."""
    operation = dict(operation)
    if operation.get("fill") == "mean":
        operation["fill"] = moments.mean().mean((0, 1)).tolist()
    if operation.get("axes") == "training":
        operation["axes"] = moments.channel_axes().tolist()
    return operation
