"""The audit: inspect every image, survey them all, and do about each finding what its policy says."""

import hashlib
import itertools
import warnings
from contextlib import closing

import numpy as np

from kerasnets.catalog.audit_kinds import DEFAULTS, MAX_PIXELS
from kerasnets.data.audit.bounded_read import give_back_freed, inspect_image
from kerasnets.data.audit.cache import InspectionCache
from kerasnets.data.audit.dataset_checks import Member, conflicts, copies, near_copies, odd_ones
from kerasnets.data.audit.image_checks import Inspected
from kerasnets.data.audit.policies import Ledger
from kerasnets.data.images.encoded import EncodedImages
from kerasnets.data.pipeline.threads import stoppable_threads
from kerasnets.data.splits.copies_together import divided
from kerasnets.data.splits.identities import identified

MOST_WORKERS = 8
"""More would hardly be faster, and each keeps some memory."""

AT_ONCE = 256
"""Images after whose inspection progress is said and results are kept."""

FIRST = ("test", "validation", "train")
"""Of copies in several splits, that in the first of these stays: what is measured stays what it was."""


def audit(
    dataset,
    policies=None,
    max_pixels=MAX_PIXELS,
    workers=2,
    progress=None,
    shares=None,
    *,
    significant_bits=16,
):
    """Audit a dataset.

    Encoded images are inspected one by one and compared with each other; of arrays, only exact copies and
    the classes are looked at.

    Args:
        dataset: a `Dataset`.
        policies: mapping of kind to policy, see `kinds.KINDS`; what is not in it has its default.
        max_pixels: an image that declares more is not decoded.
        workers: threads; without effect on the result.
        progress: a function called with (images done, images in all) now and then.
        shares: the `Shares` that splits which the source lacks are drawn by; None draws none.
        significant_bits: bits that count in the values of 16-bit files, 9 to 16.

    Returns:
        The `Dataset` without what is left out and with what is fixed, and the `Audit`. Where `Audit.check`
        raises, the dataset is not to be used.
    """
    policies = DEFAULTS | (policies or {})
    settings = dataset.image_shape[-1], max_pixels, significant_bits
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, about metadata
        members, inspected = _members(dataset, settings, workers, progress)
        dataset = identified(dataset, members)
        if shares:  # after the inspection, which knows copies; before all that is said of splits
            dataset, members = divided(dataset, members, shares, policies)
        ledger = Ledger(dataset, policies, significant_bits)
        decoded = [member for member in members if member.found.look]
        ledger.note(
            (kind, member, said) for member in members for kind, said in member.found.problems.items()
        )
        ledger.read_as_inspected(members)
        ledger.note(odd_ones(ledger.left(decoded), dataset.image_shape[-1]))
    by_rank = sorted(members, key=lambda member: FIRST.index(member.split))
    ledger.note(conflicts(ledger.left(by_rank), dataset.label_text))
    ledger.note(copies(ledger.left(by_rank)))
    ledger.note(near_copies(ledger.left(by_rank), dataset.label_text))
    return ledger.settled(), ledger.audit(len(members), inspected)


def _members(dataset, settings, workers, progress):
    """Return the `Member`s of all splits, and how many had to be inspected."""
    members, inspected = [], 0
    total = sum(len(split) for split in dataset.splits.values())
    cache = InspectionCache(settings)
    with stoppable_threads(min(workers, MOST_WORKERS)) as (pool, _), closing(cache):
        for name, split in dataset.splits.items():
            if not isinstance(split.images, EncodedImages):
                members += _array_members(name, split)
                continue

            def inspect(index, alone=False, images=split.images):
                return inspect_image(images, index, settings, alone)

            for start in range(0, len(split), AT_ONCE):
                indices = range(start, min(start + AT_ONCE, len(split)))
                found, missing = _inspected(indices, split.images, inspect, pool, cache)
                inspected += missing
                labels = _values(split.labels[start : start + AT_ONCE])
                places = (_name(split.images, index) for index in indices)
                members += map(Member, itertools.repeat(name), indices, labels, places, found)
                if progress:
                    progress(len(members), total)
    return members, inspected


def _inspected(indices, images, inspect, pool, cache):
    """Return the `Inspected` of some images, from the cache or anew, and how many were anew."""
    keys = [cache.key(images, index) for index in indices]
    found = [cache.find(key) for key in keys]
    missing = [position for position, known in enumerate(found) if known is None]
    new = list(pool.map(inspect, [indices[position] for position in missing]))
    for large in (place for place, one in enumerate(new) if one is None):
        new[large] = inspect(indices[missing[large]], alone=True)
        give_back_freed()
    cache.keep([(keys[position], one) for position, one in zip(missing, new, strict=True)])
    for position, one in zip(missing, new, strict=True):
        found[position] = one
    return found, len(missing)


def _array_members(name, split):
    digests = (hashlib.sha256(np.ascontiguousarray(image)).hexdigest() for image in split.images)
    for index, (label, digest) in enumerate(zip(_values(split.labels), digests, strict=True)):
        yield Member(name, index, label, f"{name} image {index}", Inspected(sha256=digest))


def _values(labels):
    """Return labels as Python has them: integers, or tuples of numbers."""
    return labels.tolist() if labels.ndim == 1 else [tuple(row) for row in labels.tolist()]


def _name(images, index):
    """Return an image's path; one within a larger file adds "@OFFSET"."""
    path = images.path(index)
    return path if images.length[index] < 0 else f"{path}@{images.offset[index]}"
