"""Sources by name: `load_dataset` reads one, audits it and splits it.

`kerasnets.catalog.sources` lists them; each is a module beside this one.
"""

import importlib
import inspect
import os
from collections.abc import Callable, Mapping
from dataclasses import replace

from kerasnets import terminal
from kerasnets.catalog.audit_kinds import MAX_PIXELS
from kerasnets.catalog.sources import find_source
from kerasnets.data.audit.audit_dataset import audit
from kerasnets.data.audit.result import Audit
from kerasnets.data.dataset import Dataset
from kerasnets.data.splits.by_hash import Shares
from kerasnets.errors import UserError


def load_dataset(
    source: str,
    path: str | os.PathLike | None = None,
    *,
    channels: int | None = None,
    validation: float = 0.1,
    test: float = 0.2,
    seed: int = 0,
    workers: int = 2,
    policies: Mapping[str, str] | None = None,
    max_pixels: int = MAX_PIXELS,
    significant_bits: int = 16,
    report: Callable[[Audit], None] | None = None,
) -> Dataset:
    """Read a source, audit it, and draw the splits it does not bring; see `kerasnets.data.splits.by_hash`.

    Args:
        source: a name of `kerasnets.catalog.sources.SOURCES`.
        path: the file of "npz" and "csv", the folder of "folder", "tfrecord" and perhaps tfds.
        channels: 1 or 3, what encoded images are decoded to (default 3, or the source's own).
        validation: fraction of the training images held out where the source has no validation split.
        test: the same for test.
        seed: decides which images are validation.
        workers: threads that inspect image files.
        policies, max_pixels, significant_bits: as of `audit`.
        report: called with the `Audit`, before it is checked.

    Raises:
        UserError: the data is missing, unreadable or not as the source needs it, or refused by a policy.
    """
    return audited(
        read_source(source, path, channels, workers=workers),
        path or source,
        shares=Shares(validation, test, seed),
        workers=workers,
        policies=policies,
        max_pixels=max_pixels,
        significant_bits=significant_bits,
        report=report,
    )


def audited(
    dataset: Dataset,
    origin: str | os.PathLike,
    *,
    shares: Shares,
    workers: int,
    policies: Mapping[str, str] | None = None,
    max_pixels: int = MAX_PIXELS,
    significant_bits: int = 16,
    report: Callable[[Audit], None] | None = None,
) -> Dataset:
    """Return a source's images after an audit, and split.

    Args:
        dataset: as `read_source` gives it.
        origin: the source's name or path, for messages.
        shares: how splits are drawn that the source lacks.
        workers, policies, max_pixels, significant_bits, report: as of `load_dataset`.
    """
    inspecting = "inspecting every image"
    terminal.phase(inspecting)
    dataset, found = audit(
        dataset,
        policies,
        max_pixels=max_pixels,
        significant_bits=significant_bits,
        workers=workers,
        progress=terminal.counter(inspecting),
        shares=shares,
    )
    if report:
        report(found)
    found.check()
    for name, fraction in (("test", shares.test), ("validation", shares.validation)):
        if fraction and name not in dataset.splits:
            raise UserError(
                f"{origin}: data.{name} = {fraction}: found no image of {len(dataset.train)} to hold "
                "out: one of each class stays in training, with its copies; allowed: more images, or "
                f"data.{name} = 0"
            )
    return replace(dataset, audit=found.table["kind"].value_counts(sort=False).to_dict())


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
