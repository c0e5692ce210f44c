"""Where published weights can be had: a file, the folder KERASNETS_WEIGHTS, Keras's cache, a download."""

import logging
import os
import re
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from kerasnets import models
from kerasnets.errors import UserError, few, reason
from kerasnets.files.user_files import check_file
from kerasnets.sizing.layers import shapes_only
from kerasnets.weights.loading import FittingWeights, fitting_weights
from kerasnets.weights.published_input import ValueSteps

log = logging.getLogger("kerasnets")

FOLDER = "KERASNETS_WEIGHTS"
"""Environment variable: a folder of weight files whose names begin with, or contain, their network's."""

ENDINGS = (".npz", ".safetensors", ".pth", ".pt", ".bin", ".h5", ".keras")
"""Of the names of weight files."""

VARIANTS: dict[str, tuple[dict[str, Any], ...]] = {
    **dict.fromkeys(("resnet50", "resnet101", "resnet152"), ({}, {"version": 1.5})),
    "inception_v3": ({}, {"count_zeros": False}),
}
"""Options of an architecture with which weights of it are published; of the others there are none."""

KERAS_FILES = {
    "resnet50": "resnet/resnet50_weights_tf_dim_ordering_tf_kernels.h5",
    "resnet101": "resnet/resnet101_weights_tf_dim_ordering_tf_kernels.h5",
    "resnet152": "resnet/resnet152_weights_tf_dim_ordering_tf_kernels.h5",
    "inception_v3": "inception_v3/inception_v3_weights_tf_dim_ordering_tf_kernels.h5",
    "inception_resnet_v2": ("inception_resnet_v2/inception_resnet_v2_weights_tf_dim_ordering_tf_kernels.h5"),
    "vgg16": "vgg16/vgg16_weights_tf_dim_ordering_tf_kernels.h5",
    "vgg19": "vgg19/vgg19_weights_tf_dim_ordering_tf_kernels.h5",
}
"""What "imagenet" downloads, below `KERAS_ADDRESS`; in Keras's cache the files have the last part as name."""

KERAS_ADDRESS = "https://storage.googleapis.com/tensorflow/keras-applications/"

SECONDS = 5.0
"""How long to wait for an answer of the server that has the weights."""


@dataclass(frozen=True, kw_only=True)
class PublishedWeights:
    """Weights that a recipe can name.

    Attributes:
        network: the architecture that they fit.
        options: of its builder, with which they fit it.
        file: path, or "imagenet" for what Keras has or downloads.
        values: how images were prepared for them; none where only who trained them knows.
        place: where they are from, in words.
    """

    network: str
    options: dict[str, Any]
    file: str
    values: ValueSteps
    place: str


@dataclass(frozen=True)
class NoWeights:
    """Why there are none, and what would help.

    Attributes:
        searched: where was searched with what result, in words.
        helpful: files that would help, the best first.
    """

    searched: str
    helpful: tuple[str, ...]

    def __str__(self) -> str:
        return f"no published weights: {self.searched}; what would help: {' or '.join(self.helpful)}"


def weights_of_file(file: str | PathLike[str], network: str | None = None) -> PublishedWeights:
    """Return the weights in a file, and the network that they are of.

    Args:
        file: its path; or "imagenet", with a network.
        network: the architecture; by default the one that the file fits.

    Raises:
        UserError: no such file, or it fits no architecture, or not this one.
    """
    if str(file) != "imagenet":
        check_file(file)
    elif network is None:
        raise UserError(f"imagenet: of which network? allowed: with --network {few(KERAS_FILES)}")
    candidates = [network] if network else _candidates(Path(file).name)
    refusals: list[UserError] = []
    for name in candidates:
        for options in VARIANTS.get(name, ({},)):
            try:
                fitting = _fitting(name, options, file)
            except UserError as error:
                refusals.append(error)
            else:
                return PublishedWeights(
                    network=name, options=options, file=str(file), values=fitting.values, place="a file"
                )
    if network or len(candidates) < len(_published()):
        raise refusals[0]
    raise UserError(f"{file}: fits none of the networks whose weights are published; --network names another")


def find_weights(networks: Sequence[str]) -> PublishedWeights | NoWeights:
    """Return published weights of one of some architectures, of the first for which there are any.

    Files of the folder KERASNETS_WEIGHTS come before Keras's cache, and that before a download.

    Args:
        networks: names of architectures, the best first.
    """
    folder = os.environ.get(FOLDER)
    for file in _named_files(Path(folder).expanduser(), networks) if folder else ():
        try:
            found = weights_of_file(file)
        except UserError as error:
            log.warning("%s", error)
        else:
            if found.network in networks:
                return found
    cached = [name for name in networks if name in KERAS_FILES and keras_file(name).is_file()]
    downloads = [name for name in networks if name in KERAS_FILES]
    reason = "none is published by Keras"
    if not cached and downloads:
        reason = _unreachable(KERAS_ADDRESS + KERAS_FILES[downloads[0]])
    if cached or (downloads and not reason):
        return _of_keras((cached or downloads)[0], "Keras's cache" if cached else "a download of Keras's")
    here = f"none of these in {folder}" if folder else f"{FOLDER} names no folder"
    missing = f"{here}, none in {keras_file('vgg16').parent}, and no download ({reason})"
    helpful = [*(str(keras_file(name)) for name in downloads[:1]), "--weights FILE"]
    return NoWeights(missing, tuple(helpful))


def keras_file(network: str) -> Path:
    """Return the path in Keras's cache of what "imagenet" means for an architecture of `KERAS_FILES`."""
    home = Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser()
    return home / "models" / KERAS_FILES[network].rpartition("/")[2]


def _of_keras(network: str, place: str) -> PublishedWeights:
    from kerasnets.weights.published_input import KERAS_APPLICATIONS

    options: dict[str, Any] = {"count_zeros": False} if network == "inception_v3" else {}
    values = KERAS_APPLICATIONS[network]
    return PublishedWeights(network=network, options=options, file="imagenet", values=values, place=place)


def _unreachable(address: str) -> str:
    """Return in words why an address cannot be had now, or nothing where it can."""
    try:
        request = urllib.request.Request(address, method="HEAD")
        with urllib.request.urlopen(request, timeout=SECONDS):
            return ""
    except (OSError, ValueError) as error:  # URLError is an OSError
        inner = error.reason if isinstance(error, urllib.error.URLError) else error
        return reason(inner) if isinstance(inner, BaseException) else str(inner)


def _fitting(network: str, options: dict[str, Any], file: str | PathLike[str]) -> FittingWeights:
    with shapes_only():
        model = models.build(network, **options)
    return fitting_weights(model, file, new_head=True)


def _named_files(folder: Path, networks: Sequence[str]) -> Iterator[Path]:
    """Yield the weight files of a folder whose names contain one of some architectures', in their order."""
    files = sorted(path for path in folder.glob("*") if path.name.lower().endswith(ENDINGS))
    for network in networks:
        for path in files:
            if network in _named(path.name):
                yield path


def _candidates(name: str) -> list[str]:
    """Return the architectures that a weight file of this name may be of, the likeliest first."""
    named = _named(name)
    return named or _published()


def _named(name: str) -> list[str]:
    """Return the architectures whose names a file's contains, the longest first; and torchvision's variant.

    torchvision calls `googlenet` what is `googlenet_bn` here.
    """
    plain = name.lower().replace("-", "_")
    known = sorted(models.BUILDERS, key=len, reverse=True)
    named = [each for each in known if re.search(rf"(?<![a-z0-9]){each}(?![a-z0-9])", plain)]
    return [*named, *(f"{each}_bn" for each in named if f"{each}_bn" in known and f"{each}_bn" not in named)]


def _published() -> list[str]:
    from kerasnets.weights.naming.conventions import published_networks

    return published_networks()
