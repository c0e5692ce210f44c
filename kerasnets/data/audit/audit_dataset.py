"""The audit: inspect every image, compare them all, and do about each finding what its policy says."""

import hashlib
import itertools
import warnings
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import numpy as np

from kerasnets.catalog.audit_kinds import DEFAULTS, MAX_PIXELS
from kerasnets.data.audit.bounded_read import give_back_freed, inspect_image
from kerasnets.data.audit.cache import InspectionCache
from kerasnets.data.audit.dataset_checks import Member, conflicts, copies, near_copies, odd_ones
from kerasnets.data.audit.image_checks import Inspected, InspectionSettings
from kerasnets.data.audit.policies import PolicyRecord
from kerasnets.data.audit.result import Audit
from kerasnets.data.dataset import Dataset
from kerasnets.data.images.encoded import EncodedImages
from kerasnets.data.pipeline.threads import stoppable_threads
from kerasnets.data.splits.by_hash import Shares
from kerasnets.data.splits.copies_together import divided
from kerasnets.data.splits.identities import identified

MOST_WORKERS = 8
"""More would hardly be faster, and each keeps some memory."""

AT_ONCE = 256
"""Images after whose inspection progress is reported and results are kept."""

FIRST = ("test", "validation", "train")
"""Of copies in several splits, the one in the first of these stays: what is measured does not change."""


def audit(
    dataset: Dataset,
    policies: Mapping[str, str] | None = None,
    *,
    max_pixels: int = MAX_PIXELS,
    significant_bits: int = 16,
    workers: int = 2,
    progress: Callable[[int, int], None] | None = None,
    shares: Shares | None = None,
) -> tuple[Dataset, Audit]:
    """Audit a dataset.

    Encoded images are inspected one by one and compared with each other; of arrays, only exact copies and
    the classes are checked.

    Args:
        dataset: a source's images.
        policies: mapping of kind to policy, see `kerasnets.catalog.audit_kinds.KINDS`; what is not in it has
            its default.
        max_pixels: an image that declares more is not decoded.
        significant_bits: bits that count in the values of 16-bit files, 9 to 16.
        workers: threads; without effect on the result.
        progress: a function called with (images done, images in all) now and then.
        shares: how splits are drawn that the source lacks; None draws none.

    Returns:
        The `Dataset` without what is left out and with what is fixed, and the `Audit`. Where `Audit.check`
        raises, the dataset is not to be used.
    """
    policies = DEFAULTS | dict(policies or {})
    settings = InspectionSettings(dataset.image_shape[-1], max_pixels, significant_bits)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, about metadata
        members, inspected = _members(dataset, settings, workers=workers, progress=progress)
        dataset = identified(dataset, members)
        if shares:  # after the inspection, which finds copies; before any finding about splits
            dataset, members = divided(dataset, members, shares=shares, policies=policies)
        record = PolicyRecord(dataset, policies, significant_bits)
        decoded = [member for member in members if member.found.hash]
        record.add((kind, member, what) for member in members for kind, what in member.found.problems.items())
        record.convert_where_needed(members)
        record.add(odd_ones(record.remaining(decoded), settings.channels))
    by_rank = sorted(members, key=lambda member: FIRST.index(member.split))
    record.add(conflicts(record.remaining(by_rank), dataset.label_text))
    record.add(copies(record.remaining(by_rank)))
    record.add(near_copies(record.remaining(by_rank), dataset.label_text))
    return record.remaining_dataset(), record.audit(members, inspected)


def _members(
    dataset: Dataset,
    settings: InspectionSettings,
    *,
    workers: int,
    progress: Callable[[int, int], None] | None,
) -> tuple[list[Member], int]:
    """Return the members of all splits, and how many of them had to be inspected."""
    members: list[Member] = []
    inspected = 0
    total = sum(len(split) for split in dataset.splits.values())
    cache = InspectionCache(settings)
    with stoppable_threads(min(workers, MOST_WORKERS)) as (pool, _), closing(cache):
        for name, split in dataset.splits.items():
            if not isinstance(split.images, EncodedImages):
                members += _array_members(name, split.images, split.labels)
                continue

            def inspect(
                index: int, *, alone: bool = False, images: EncodedImages = split.images
            ) -> Inspected | None:
                return inspect_image(images, index, settings, alone=alone)

            for start in range(0, len(split), AT_ONCE):
                indices = range(start, min(start + AT_ONCE, len(split)))
                found, missing = _inspected(indices, split.images, inspect, pool=pool, cache=cache)
                inspected += missing
                labels = _values(split.labels[start : start + AT_ONCE])
                places = (_name(split.images, index) for index in indices)
                members += map(Member, itertools.repeat(name), indices, labels, places, found)
                if progress:
                    progress(len(members), total)
    return members, inspected


def _inspected(
    indices: range,
    images: EncodedImages,
    inspect: Callable[..., Inspected | None],
    *,
    pool: ThreadPoolExecutor,
    cache: InspectionCache,
) -> tuple[list[Inspected], int]:
    """Return what inspections of some images found, from the cache or anew, and how many were anew."""
    keys = [cache.key(images, index) for index in indices]
    found = [cache.find(key) for key in keys]
    missing = [position for position, known in enumerate(found) if known is None]
    new = list(pool.map(inspect, [indices[position] for position in missing]))
    for position, one in zip(missing, new, strict=True):
        if one is None:  # a large one
            one = inspect(indices[position], alone=True)
            give_back_freed()
        found[position] = one
    inspected = [one for one in found if one is not None]
    cache.keep((keys[position], inspected[position]) for position in missing)
    return inspected, len(missing)


def _array_members(name: str, images: np.ndarray, labels: np.ndarray) -> Iterator[Member]:
    digests = (hashlib.sha256(np.ascontiguousarray(image).data).hexdigest() for image in images)
    for index, (label, digest) in enumerate(zip(_values(labels), digests, strict=True)):
        path, found = f"{name} image {index}", Inspected(sha256=digest)
        yield Member(name, index, label, path=path, found=found)


def _values(labels: np.ndarray) -> list[Any]:
    """Return labels as Python's own: integers, or tuples of numbers."""
    return labels.tolist() if labels.ndim == 1 else [tuple(row) for row in labels.tolist()]


def _name(images: EncodedImages, index: int) -> str:
    """Return an image's path; one within a larger file adds "@OFFSET"."""
    path = images.path(index)
    return path if images.length[index] < 0 else f"{path}@{images.offset[index]}"
