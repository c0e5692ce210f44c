"""The records of image shards: TFRecord files of tf.train.Example, under ImageNet's keys."""

import errno
import math
import os
import re
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError

from kerasnets.data.images.formats import sniff
from kerasnets.data.shards.index import INDEX
from kerasnets.errors import UserError, few
from kerasnets.files.user_files import check_file

IMAGE, LABEL = "image/encoded", "image/class/label"
TEXT, FORMAT, NAME = "image/class/text", "image/format", "image/filename"
ORIENTATION, WEIGHT = "image/orientation", "image/weight"

HEADER, FOOTER = 8 + 4, 4
"""Bytes around a record's data: before it its length and a checksum of that, after it its own checksum."""


def example(
    contents: bytes, label: int, *, text: str, name: str, orientation: int = 1, weight: float = math.nan
) -> bytes:
    """Return one image as a serialized tf.train.Example; the same arguments give the same bytes.

    Args:
        contents: the encoded image, bytes, stored as they are.
        label: integer from 0.
        text: the class's name.
        name: the image's name.
        orientation: EXIF orientation, 1 to 8.
        weight: float; NaN leaves the key out.
    """
    message = tf.train.Example()
    feature = message.features.feature  # filled in place: the constructors copy the image at every level
    feature[IMAGE].bytes_list.value.append(contents)
    feature[LABEL].int64_list.value.append(label)
    feature[TEXT].bytes_list.value.append(os.fsencode(text))
    feature[FORMAT].bytes_list.value.append(sniff(contents).encode())
    feature[NAME].bytes_list.value.append(os.fsencode(name))
    feature[ORIENTATION].int64_list.value.append(orientation)
    if not math.isnan(weight):
        feature[WEIGHT].float_list.value.append(weight)
    return message.SerializeToString(deterministic=True)


def image_offset(record: bytes, contents: bytes) -> int:
    """Return where an image's bytes, or equal ones, lie in a record's data."""
    first = record.find(contents[:64])  # a search for all bytes takes long to prepare
    return first if record.startswith(contents, first) else record.find(contents)


def scan(
    path: str | Path, stop: threading.Event, *, shard: int = 0, image_key: str = IMAGE, label_key: str = LABEL
) -> tuple[np.ndarray, set[tuple[int, str]]]:
    """Read a shard from beginning to end, checksums and all.

    Args:
        path: the TFRecord file, not compressed.
        stop: ends the reading once it is set.
        shard: the number of this file in the index.
        image_key, label_key: keys of the encoded image and of its integer label.

    Returns:
        An array of `INDEX`, an entry for each record, and the (label, class name)s that occur.

    Raises:
        UserError: no such file, a damaged record, a key that is missing.
        CancelledError: `stop` was set.
    """
    entries, begin = [], 0
    texts: set[tuple[int, str]] = set()
    for number, record in enumerate(_records(path)):
        if stop.is_set():
            raise CancelledError
        found = _Record(path, number, record)
        contents, label = found.value(image_key, "bytes_list"), found.value(label_key, "int64_list")
        orientation = found.value(ORIENTATION, "int64_list", default=1)
        weight = found.value(WEIGHT, "float_list", default=math.nan)
        offset = begin + HEADER + image_offset(record, contents)
        entries.append((shard, offset, len(contents), label, orientation, weight))
        texts.add((label, os.fsdecode(found.value(TEXT, "bytes_list", default=b""))))
        begin += HEADER + len(record) + FOOTER
    return np.array(entries, INDEX), texts


class _Record:
    """A record of a shard, and its place for messages."""

    def __init__(self, path: str | Path, number: int, record: bytes) -> None:
        self._where = f"{path}: record {number}"
        try:
            self._feature = tf.train.Example.FromString(record).features.feature
        except DecodeError as error:
            raise UserError(f"{self._where}: found no tf.train.Example ({error})") from None

    def value(self, key: str, kind: str, *, default: Any = None) -> Any:
        """Return the one value of a key, or the default where it has none."""
        values: Sequence[Any] = getattr(self._feature[key], kind).value if key in self._feature else ()
        if len(values) == 1 and values[0] != b"":
            return values[0]
        if default is not None:
            return default
        raise UserError(
            f"{self._where}: found {len(values)} values in {key!r}, allowed: one, not empty, "
            f"in its {kind} (the keys there are: {few(sorted(self._feature)) or 'none'})"
        )


def _records(path: str | Path) -> Iterator[bytes]:
    _check_lengths(path)
    try:
        for batch in tf.data.TFRecordDataset(str(path)).batch(64).as_numpy_iterator():
            yield from batch
    except tf.errors.OpError as error:
        reason = re.sub(r"{{.*?}} | \[Op:.*", "", str(error.message).splitlines()[0])
        raise UserError(f"{path}: not readable as a TFRecord file: {reason}") from None


def _check_lengths(path: str | Path) -> None:
    """Refuse a record that is longer than the file: TensorFlow would allocate what it declares."""
    size, position = check_file(path), 0
    with open(path, "rb") as file:
        while position + HEADER <= size:
            file.seek(position)
            length = int.from_bytes(file.read(8), "little")
            if length > size:
                what = f"corrupted record at {position}: it declares {length:,} bytes of {size:,} in the file"
                raise UserError(f"{path}: not readable as a TFRecord file: {what}")
            position += HEADER + length + FOOTER


def write_shard(path: Path, records: Iterable[bytes]) -> None:
    """Write serialized examples as a TFRecord file.

    Raises:
        OSError: the disk is full or the file cannot be written.
    """
    try:
        with tf.io.TFRecordWriter(str(path)) as writer:
            for record in records:
                writer.write(record)
    except tf.errors.OpError as error:
        # TensorFlow's errors are no OSErrors, which commands report in one line
        number = errno.ENOSPC if isinstance(error, tf.errors.ResourceExhaustedError) else errno.EIO
        raise OSError(number, str(error.message).rpartition("; ")[2]) from error
