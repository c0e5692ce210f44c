"""Formats measured once they are written: how right each is on the test split, and how fast here."""

from dataclasses import replace
from pathlib import Path

from kerasnets.data.dataset import Split
from kerasnets.exporting.manifest import ExportedFormat
from kerasnets.exporting.runtimes.measure import measure
from kerasnets.exporting.runtimes.open_runtime import open_runtime
from kerasnets.exporting.subject import Subject


def with_measures(
    name: str, record: ExportedFormat, subject: Subject, *, folder: Path, split: Split
) -> ExportedFormat:
    """Return what the manifest says of a format, with its accuracy and its times.

    Args:
        name: of the format.
        record: of it.
        subject: what was exported.
        folder: where the format lies.
        split: the images that are counted.
    """
    predict = open_runtime(name, folder / record.path)
    found = measure(name, predict, subject.members, split=split, example=subject.cases.images[0])
    record = replace(record, milliseconds=found.milliseconds)
    if found.accuracy is None:
        return record
    share = found.accuracy
    return replace(record, accuracy=share.value, accuracy_low=share.low, accuracy_high=share.high)
