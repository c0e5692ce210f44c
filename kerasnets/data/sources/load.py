"""Where images come from. `load_dataset` is the way in; each source is one function below it."""

import os
from dataclasses import replace

from kerasnets import terminal
from kerasnets.catalog.audit_kinds import MAX_PIXELS
from kerasnets.data.audit.audit_dataset import audit
from kerasnets.data.dataset import Dataset, Split
from kerasnets.data.sources.csv_file import read_csv
from kerasnets.data.sources.folder import read_folder
from kerasnets.data.sources.keras_datasets import read_published
from kerasnets.data.sources.npz import read_npz
from kerasnets.data.sources.tfds import read_tfds
from kerasnets.data.sources.tfrecord import read_tfrecord
from kerasnets.data.splits.by_hash import Shares
from kerasnets.errors import UserError

PUBLISHED = ("mnist", "fashion_mnist", "cifar10", "cifar100")
SOURCES = ("digits", *PUBLISHED, "npz", "folder", "csv", "tfrecord")
"""Names of sources; tfds:NAME is one more, for every NAME that tensorflow-datasets knows."""


def load_dataset(source, path=None, channels=None, validation=0.1, test=0.2, seed=0, workers=2,
                 policies=None, max_pixels=MAX_PIXELS, said=None, *, significant_bits=16):  # fmt: skip
    """Load a source, audit it, and draw the splits it does not bring; see `kerasnets.data.splits.by_hash`.

    Args:
        source: one of `SOURCES`, or "tfds:NAME".
        path: the file of "npz" and "csv", the folder of "folder", "tfrecord" and perhaps tfds.
        channels: 1 or 3, what encoded images are decoded to (default 3, or what the source says).
        validation: fraction of the training images held out where the source has no validation split.
        test: the same for test.
        seed: decides which images are validation.
        workers: threads that inspect image files.
        policies, max_pixels, significant_bits: see `kerasnets.data.audit.audit_dataset.audit`.
        said: a function called with the `Audit`, before it is checked.

    Returns:
        A `Dataset`.

    Raises:
        UserError: the data is missing, unreadable or not as the source needs it, or refused by a policy.
    """
    dataset = read_source(source, path, channels, workers)
    return audited(
        dataset, path or source, validation=validation, test=test, seed=seed, workers=workers,
        policies=policies, max_pixels=max_pixels, said=said, significant_bits=significant_bits,
    )  # fmt: skip


def audited(dataset, origin, *, validation, test, seed, workers, policies=None, max_pixels=MAX_PIXELS,
            said=None, significant_bits=16):  # fmt: skip
    """Return a source's dataset after an audit, and split; see `load_dataset` for the arguments.

    Args:
        dataset: as `read_source` gives it.
        origin: the source's name or path, for messages.
    """
    looking = "looking at every image"
    terminal.phase(looking)
    shares = {"test": test, "validation": validation}
    dataset, found = audit(
        dataset,
        policies,
        max_pixels,
        workers,
        terminal.counter(looking),
        shares=Shares(**shares, seed=seed),
        significant_bits=significant_bits,
    )
    if said:
        said(found)
    found.check()
    for name, fraction in shares.items():
        if fraction and name not in dataset.splits:
            raise UserError(
                f"{origin}: data.{name} = {fraction}: found no image of {len(dataset.train)} to hold "
                "out: one of each class stays in training, with its copies; allowed: more images, or "
                f"data.{name} = 0"
            )
    return dataset


def read_source(source, path=None, channels=None, workers=2):
    """Read a source as it is, neither audited nor split; arguments as of `load_dataset`."""
    terminal.phase("reading the list of images")
    dataset = _read(source, path, channels, workers)
    if path is None:
        return dataset
    return replace(dataset, root=str(path) if os.path.isdir(path) else os.path.dirname(path))


def _read(source, path, channels, workers):
    if source == "digits":
        return _digits()
    if source == "npz":
        return read_npz(path)
    if source == "folder":
        return read_folder(path, channels or 3)
    if source == "csv":
        return read_csv(path, channels or 3)
    if source == "tfrecord":
        return read_tfrecord(path, channels, workers)
    if source.startswith("tfds:"):
        return read_tfds(source.removeprefix("tfds:"), path, channels, workers)
    return read_published(source)


def _digits():
    """scikit-learn's 1,797 digits of 8x8 pixels, 17 grey levels spread over 0..255."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = (bunch.images * (255 / 16)).round().astype("uint8")[..., None]
    names = tuple(str(digit) for digit in range(10))
    return Dataset(names, (8, 8, 1), Split(images, bunch.target.astype("int64")))
