"""What is done with images and recipes before any training."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerasnets import runtime
from kerasnets.api.arguments import PathLike, RecipeLike, as_recipe
from kerasnets.errors import UserError
from kerasnets.files.whole_files import check_writable, write_text
from kerasnets.recipe import with_data

if TYPE_CHECKING:
    from kerasnets.checking.recipe_check import RecipeCheck
    from kerasnets.data.audit.result import Audit
    from kerasnets.data.cache_folder import CachePart
    from kerasnets.data.shards.manifest import Manifest
    from kerasnets.proposing.proposal import Proposal


def new_recipe(
    images: PathLike,
    to: PathLike | None = None,
    *,
    network: str | None = None,
    weights: PathLike | None = None,
    scratch: bool = False,
    minutes: float | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> "Proposal":
    """Look at images and at this machine, and propose a recipe whose lines say why.

    Photos get a network with published weights, where these can be had: those given; else of a file in the
    folder that the environment variable KERASNETS_WEIGHTS names, whose name contains the network's; else of
    Keras's cache or download. Small images get a small network that begins from nothing.

    Args:
        images: a folder of images, of packed shards, or a .csv table.
        to: file of the recipe; by default nothing is written.
        network: an architecture, in place of the one that suits images and machine.
        weights: a file of published weights, or "imagenet" for what Keras has of `network`.
        scratch: whether to begin from nothing, whatever weights there are.
        minutes: how long the training may take here, by a few steps that are taken now; by default it has as
            many epochs as the images want.
        progress: a function called from time to time with the number of images done and of all images.

    Returns:
        A `kerasnets.proposing.proposal.Proposal`: `text`, the commented TOML, and `recipe`; `train` takes it.

    Raises:
        UserError: there are no such images, weights or network, too little time, or `to` exists already.

    Example:
        >>> proposed = kerasnets.new_recipe("photos", "photos.toml")
        >>> proposed.recipe.model.name
        'lenet5'
    """
    if to is not None:
        if os.path.lexists(to):
            raise UserError(f"{os.fspath(to)}: exists already, allowed: a new file")
        check_writable(Path(to).absolute().parent, "the recipe")
    runtime.prepare()
    from kerasnets.proposing.new_recipe import propose

    proposal = propose(
        Path(images).expanduser(),
        file="" if to is None else os.fspath(to),
        network=network,
        weights=weights,
        scratch=scratch,
        minutes=minutes,
        progress=progress,
    )
    if to is not None:
        Path(to).parent.mkdir(parents=True, exist_ok=True)
        write_text(Path(to), proposal.text)
    return proposal


def audit(
    what: RecipeLike, to: PathLike | None = None, *, progress: Callable[[int, int], None] | None = None
) -> "Audit":
    """Inspect every image before training does, and report what is wrong or odd.

    Args:
        what: a `Recipe`, a shipped recipe's name, the path of a TOML file, a folder of images or of packed
            shards, or a CSV file. Images that a recipe names are audited in the splits it trains with.
        to: a folder for audit.csv and audit.html; by default nothing is written.
        progress: a function called from time to time with the number of images done and of all images.

    Returns:
        The findings: `counts()` by kind, `table` with each, `check()`, which raises `UserError` where
        training would refuse.

    Raises:
        UserError: there is no such data.

    Example:
        >>> print(kerasnets.audit("lenet5-digits"))
        1,797 images audited...
    """
    runtime.prepare()
    from kerasnets.data_commands import audit_data

    return audit_data(what, to, progress)


def preview(
    recipe: RecipeLike,
    to: PathLike | None = None,
    *,
    rows: int = 6,
    columns: int = 6,
    overrides: Mapping[str, Any] | None = None,
) -> Path:
    """Write a picture: training images as they are, and what the network will see of them.

    Args:
        recipe: a `Recipe`, a shipped recipe's name or the path of a TOML file.
        to: the PNG; by default NAME-preview.png in the current folder.
        rows: how many images, at least 1.
        columns: how many epochs to show each image in, at least 1.
        overrides: recipe keys to change and their values, as of `train`.

    Returns:
        Path of the picture.

    Raises:
        UserError: the recipe or its data cannot be used.

    Example:
        >>> kerasnets.preview("lenet5-digits", "digits.png", rows=2, columns=3).name
        'digits.png'
    """
    recipe = as_recipe(recipe, overrides)
    runtime.prepare()
    from kerasnets import data_commands

    return data_commands.preview(recipe, to or f"{recipe.name}-preview.png", rows=rows, columns=columns)


def check(
    recipe: RecipeLike,
    to: PathLike | None = None,
    *,
    data: PathLike | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> "RecipeCheck":
    """Check a recipe's training before it begins, on its own images and its own network.

    Loss, labels, last layer, inputs, first weights, gradients, mixing across the batch, whether one batch can
    be learned by heart; time and memory are estimated. `kerasnets.callbacks.check` is for any Keras model.

    Args:
        recipe: a `Recipe`, a shipped recipe's name or the path of a TOML file.
        to: a folder for a picture of what augmentation makes of the images; by default nothing is written.
        data: path of the images, in place of the recipe's `data.path`.
        overrides: recipe keys to change and their values, as of `train`.

    Returns:
        A `kerasnets.checking.recipe_check.RecipeCheck`: `sound`, `report` with the findings, `cost`. It
        prints as the command does.

    Raises:
        UserError: the recipe or its data cannot be used.

    Example:
        >>> checked = kerasnets.check("lenet5-digits")
        >>> checked.sound
        True
    """
    recipe = with_data(as_recipe(recipe, overrides), data)
    runtime.prepare()
    from kerasnets.checking.recipe_check import check_recipe

    return check_recipe(recipe, to)


def pack(
    what: RecipeLike,
    to: PathLike,
    *,
    shard_bytes: int = 128 * 2**20,
    progress: Callable[[int, int, int], None] | None = None,
) -> "tuple[Manifest, Audit]":
    """Write images as sharded TFRecords with a manifest, after an audit; `source = "tfrecord"` reads them.

    Args:
        what: as of `audit`. The splits packed are those that the source has of its own.
        to: the folder; an interrupted packing there is continued.
        shard_bytes: bytes of images in a shard, at most.
        progress: a function called with the number of images done, of all images, and of bytes done.

    Returns:
        The manifest: the files written, by split; and the audit's findings.

    Raises:
        UserError: there is no such data, the audit refuses it, or the folder holds something else.

    Example:
        >>> manifest, findings = kerasnets.pack("lenet5-digits", "packed")
        >>> sorted(manifest.splits)
        ['train']
    """
    runtime.prepare()
    from kerasnets.data_commands import pack_data

    return pack_data(what, to, shard_bytes=shard_bytes, progress=progress)


def cache(*, clear: bool = False) -> "list[CachePart]":
    """Report what is kept between runs: decoded images, statistics, what audits found.

    Args:
        clear: remove it. Processes that are running continue; later ones compute again what they need.

    Returns:
        For each part its `name`, `path`, `meaning`, number of `files`, `bytes`, and `in_use` for what was
        not cleared because a process needs it. Data sets in the same folder are not touched.

    Example:
        >>> [part.name for part in kerasnets.cache()]
        ['decoded', 'statistics', 'shards', 'audit.sqlite']
    """
    from kerasnets.data.cache_folder import cache_parts, clear_cache

    return clear_cache() if clear else cache_parts()
