"""Splits by fraction, out of the training images: stratified by class, where there are classes."""

import logging
from collections import Counter
from dataclasses import replace

import numpy as np

from kerasnets.data.audit.kinds import Finding
from kerasnets.errors import UserError

TEST_SEED = 0
"""The test images of a source without a test split of its own never change, whatever the recipe's seed."""

log = logging.getLogger("kerasnets")


def hold_out(dataset, origin, validation, test, seed):
    """Split off what the source does not bring, out of the training images: stratified by class.

    Images with numeric targets have no classes, and are drawn evenly.

    The image of a class that has only one stays in training; this is logged, and a finding of the dataset.

    Args:
        dataset: a `Dataset`, with or without its own validation and test splits.
        origin: the source's name or path, for messages.
        validation: fraction of the training images; 0 for none. The split depends on `seed`.
        test: fraction of the training images, split off first. The split depends on nothing.
        seed: non-negative integer.

    Raises:
        UserError: fewer images are to be held out, or kept, than there are classes.
    """
    held_out = _drawn if dataset.numeric else _stratified
    if dataset.test is None and test:
        dataset, held = held_out(dataset, origin, "data.test", test, TEST_SEED)
        dataset = replace(dataset, test=held)
    if dataset.validation is None and validation:
        dataset, held = held_out(dataset, origin, "data.validation", validation, seed)
        dataset = replace(dataset, validation=held)
    return dataset


def _stratified(dataset, origin, key, fraction, seed):
    """Return the dataset without the images held out of its training split, and the split they make."""
    from sklearn.model_selection import train_test_split

    split = dataset.train
    counts = Counter(split.labels.tolist())
    single = [label for label, count in sorted(counts.items()) if count == 1]
    divisible = np.flatnonzero(~np.isin(split.labels, single))
    held = round(fraction * len(split))
    if min(held, len(divisible) - held) < len(counts) - len(single) or not len(divisible):
        raise UserError(
            f"{origin}: {key} = {fraction} cannot split {len(split)} images of {len(counts)} classes evenly "
            f"by class: every class needs one on either side (or set {key} = 0)"
        )
    _, given = train_test_split(
        np.arange(len(divisible)), test_size=held, random_state=seed, stratify=split.labels[divisible]
    )
    train = np.setdiff1d(np.arange(len(split)), divisible[given])
    findings = _singles(dataset, origin, single)
    left = replace(dataset, train=split.at(train), findings=(*dataset.findings, *findings))
    return left, split.at(divisible[np.sort(given)])


def _drawn(dataset, origin, key, fraction, seed):
    """Return what `_stratified` does, of images without classes."""
    split = dataset.train
    held = round(fraction * len(split))
    if not 0 < held < len(split):
        raise UserError(
            f"{origin}: {key} = {fraction} cannot split {len(split)} images: either side needs one "
            f"(or set {key} = 0)"
        )
    order = np.random.default_rng(seed).permutation(len(split))
    left = replace(dataset, train=split.at(np.sort(order[held:])))
    return left, split.at(np.sort(order[:held]))


def _singles(dataset, origin, labels):
    """Return, and log, the findings on classes of one image that have none yet."""
    known = {finding.class_name for finding in dataset.findings if finding.kind == "one_image_class"}
    names = [dataset.classes[label] for label in labels if dataset.classes[label] not in known]
    if names:
        log.warning(
            "%s: %d classes have one image, which stays in training, first %r", origin, len(names), names[0]
        )
    detail = "one image, which stays in training"
    return [Finding("one_image_class", "", detail, "train", name) for name in names]
