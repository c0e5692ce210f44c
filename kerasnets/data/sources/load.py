"""Sources by name: `load_dataset` reads one, audits it and splits it.

`kerasnets.catalog.sources` lists them; each is a module beside this one.
"""

import importlib
import inspect
import os
from dataclasses import replace

from kerasnets import terminal
from kerasnets.catalog.audit_kinds import MAX_PIXELS
from kerasnets.catalog.sources import find_source
from kerasnets.data.audit.audit_dataset import audit
from kerasnets.data.dataset import Dataset
from kerasnets.data.splits.by_hash import Shares
from kerasnets.errors import UserError


def load_dataset(source, path=None, channels=None, validation=0.1, test=0.2, seed=0, workers=2,
                 policies=None, max_pixels=MAX_PIXELS, said=None, *, significant_bits=16):  # fmt: skip
    """Load a source, audit it, and draw the splits it does not bring; see `kerasnets.data.splits.by_hash`.

    Args:
        source: a name of `kerasnets.catalog.sources.SOURCES`.
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
    dataset = read_source(source, path, channels, workers=workers)
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


def read_source(
    source: str, path: str | os.PathLike | None = None, channels: int | None = None, *, workers: int = 2
) -> Dataset:
    """Read a source as it is, neither audited nor split; arguments as of `load_dataset`."""
    terminal.phase("reading the list of images")
    module, _, function = find_source(source).reader.rpartition(".")
    read = getattr(importlib.import_module(f"kerasnets.data.sources.{module}"), function)
    name = source.partition(":")[2] or source
    options = {"name": name, "path": path, "channels": channels, "workers": workers}
    dataset = read(**{key: options[key] for key in inspect.signature(read).parameters})
    if path is None:
        return dataset
    return replace(dataset, root=str(path) if os.path.isdir(path) else os.path.dirname(path))
