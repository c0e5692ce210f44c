"""Hosts train the same thing, or none of them trains: settings and images are compared first."""

import json
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

import tensorflow as tf

from kerasnets.data.dataset import Dataset, Split
from kerasnets.data.splits.image_list import fingerprints
from kerasnets.errors import FailureError, UserError, printable
from kerasnets.recipe import Recipe
from kerasnets.runs.directory import RunDirectory
from kerasnets.training.distribution.hosts import Hosts

PACKAGES = ("kerasnets", "tensorflow", "keras", "numpy")
OF_A_HOST = {"based_on"} | {
    f"data.{key}" for key in ("path", "workers", "prefetch", "cache", "cache_gib", "disk_gib")
}
"""Keys of a recipe that each host may have its own of: where its images lie, and how it reads them."""
MOST_NAMED = 3
"""How many differing settings an error names."""


@contextmanager
def ending_with_others(hosts: Hosts, directory: RunDirectory) -> Iterator[None]:
    """End in one line where another host has ended while the block ran.

    Raises:
        FailureError: another host has ended; TensorFlow notices within seconds.
    """
    try:
        yield
    except tf.errors.OpError as error:
        if not hosts.lost(error):
            raise
        others = ", ".join(name for number, name in enumerate(hosts.names) if number != hosts.index)
        raise FailureError(
            f"{directory}: stopped because another host has ended ({others}), for the reason in its own last "
            "line; start all again with --resume"
        ) from error


@contextmanager
def refusing_together(hosts: Hosts) -> Iterator[None]:
    """Run a block on every host: what one of them refuses, all refuse, with the same message.

    Nothing in the block may wait for other hosts.

    Raises:
        UserError: the block raised it, on this host or on another; that of the first host that has one.
    """
    refusal = None
    try:
        yield
    except UserError as error:
        if hosts.count == 1:
            raise
        refusal = error
    _refuse_together(hosts, f"{hosts.names[hosts.index]}: {refusal}" if refusal else "")


def _refuse_together(hosts: Hosts, refusal: str) -> None:
    """Raise, on all hosts, the refusal of the first host that has one; "" is none."""
    refusal = next(filter(None, hosts.all_gather_text(refusal)), "")
    if refusal:
        raise UserError(refusal)


def check_same_settings(hosts: Hosts, recipe: Recipe) -> None:
    """Refuse hosts whose recipes, versions or numbers of devices differ.

    Raises:
        UserError: on every host, with the settings that differ and both values.
    """
    if hosts.count == 1:
        return
    own = json.loads(json.dumps(_settings(recipe, hosts.replicas)))
    chief = json.loads(hosts.broadcast_text_from_chief(json.dumps(own)))
    found = setting_differences(chief, own, chief_name=hosts.names[0], own_name=hosts.names[hosts.index])
    _refuse_together(hosts, f"hosts differ: {found}; allowed: the same on all hosts" if found else "")


def check_same_images(hosts: Hosts, dataset: Dataset) -> None:
    """Refuse hosts that have other images, labels, weights or another order of them.

    Args:
        hosts: those that train together.
        dataset: of this host, audited, as it will be trained on.

    Raises:
        UserError: on every host, with the split, how many images each has, and the first that differs.
    """
    if hosts.count == 1:
        return
    own = fingerprints(dataset)
    same = json.loads(hosts.broadcast_text_from_chief(json.dumps(own))) == own
    if not hosts.all_reduce_sum(int(not same)):
        return
    lines = {name: _image_lines(split, dataset) for name, split in dataset.splits.items()}
    chief = json.loads(hosts.broadcast_text_from_chief(json.dumps(lines)))
    found = image_differences(chief, lines, chief_name=hosts.names[0], own_name=hosts.names[hosts.index])
    found = "" if same else found or "the classes are in another order"
    _refuse_together(hosts, f"hosts differ: {found}; allowed: the same images on all hosts" if found else "")


def setting_differences(chief: dict[str, Any], own: dict[str, Any], *, chief_name: str, own_name: str) -> str:
    """Return which settings of a host are not the chief's, with both values; empty where all are."""
    keys = [key for key in dict.fromkeys([*chief, *own]) if chief.get(key) != own.get(key)]
    named = [
        f"{key} is {_shown(chief.get(key))} on {chief_name}, {_shown(own.get(key))} on {own_name}"
        for key in keys[:MOST_NAMED]
    ]
    more = [f"and {len(keys) - MOST_NAMED} more"] if len(keys) > MOST_NAMED else []
    return ", ".join(named + more)


def image_differences(
    chief: dict[str, list[str]], own: dict[str, list[str]], *, chief_name: str, own_name: str
) -> str:
    """Return how the images of a host differ from the chief's in the first split where they do.

    Args:
        chief, own: by split a line for each image: its name, label, and what tells its contents.
        chief_name, own_name: of the two hosts.
    """
    for split in dict.fromkeys([*chief, *own]):
        theirs, ours = chief.get(split, []), own.get(split, [])
        if theirs == ours:
            continue
        counts = f"{len(theirs):,} images on {chief_name}, {len(ours):,} on {own_name}"
        return (
            f"{split}: {counts}: {_first_difference(theirs, ours, chief_name=chief_name, own_name=own_name)}"
        )
    return ""


def _first_difference(theirs: list[str], ours: list[str], *, chief_name: str, own_name: str) -> str:
    """Return which image differs first, and how."""
    known, found = ({line.split("\t")[0]: line for line in lines} for lines in (theirs, ours))
    for name in dict.fromkeys([*known, *found]):
        if name not in found or name not in known:
            return f"{printable(name)[:120]} is on {own_name if name in found else chief_name} alone"
        if found[name] != known[name]:
            return f"{printable(name)[:120]} has another label, weight or other contents"
    return "they are in another order"


def _settings(recipe: Recipe, replicas: int) -> dict[str, Any]:
    """Return what has to be the same on all hosts, by name."""
    versions = {"python": platform.python_version()} | {name: version(name) for name in PACKAGES}
    keys = {key: value for key, value in _flat(recipe.tables()) if key not in OF_A_HOST}
    return versions | keys | {"the number of devices": replicas}


def _flat(value: dict | list, key: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the dotted keys of nested tables and lists of tables, with their values."""
    tables = value.items() if isinstance(value, dict) else enumerate(value)
    for name, part in tables:
        dotted = f"{key}.{name}" if key else str(name)
        nested = isinstance(part, dict) or (isinstance(part, list) and part and isinstance(part[0], dict))
        yield from _flat(part, dotted) if nested else [(dotted, part)]


def _image_lines(split: Split, dataset: Dataset) -> list[str]:
    """Return a line for each image: its name, label, weight, and what tells its contents."""
    assert split.identities is not None, "images of a run are identified when they are listed"
    weights = [""] * len(split) if split.weights is None else split.weights.tolist()
    rows = zip(split.identities.names, split.labels, weights, split.identities.digests.tolist(), strict=True)
    return [
        f"{name}\t{dataset.label_text(label)}\t{weight}\t{digest:016x}"
        for name, label, weight, digest in rows
    ]


def _shown(value: Any) -> str:
    text = "not set" if value is None else value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 60 else f"{text[:60]}…"
