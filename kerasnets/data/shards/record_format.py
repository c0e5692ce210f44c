"""The records of image shards: TFRecord files of tf.train.Example, under ImageNet's keys."""

import errno
import math
import os
import re
from concurrent.futures import CancelledError

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError

from kerasnets.data.images.formats import sniff
from kerasnets.data.shards.index import INDEX
from kerasnets.errors import UserError
from kerasnets.files.user_files import check_file

IMAGE, LABEL = "image/encoded", "image/class/label"
TEXT, FORMAT, NAME = "image/class/text", "image/format", "image/filename"
ORIENTATION, WEIGHT = "image/orientation", "image/weight"

HEADER, FOOTER = 8 + 4, 4
"""Bytes around a record's data: its length and that number's checksum before, the data's checksum behind."""


def example(contents, label, text, name, orientation=1, weight=math.nan):
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


def image_offset(record, contents):
    """Return where in a record's data an image's bytes lie; equal bytes elsewhere in it would do as well."""
    first = record.find(contents[:64])  # searching for all of them takes long to prepare
    return first if record.startswith(contents, first) else record.find(contents)


def scan(path, stop, shard=0, image_key=IMAGE, label_key=LABEL):
    """Read a shard from beginning to end, checksums and all.

    Args:
        path: the TFRecord file, not compressed.
        stop: `threading.Event`; set, it ends the reading.
        shard: what the index shall call this file.
        image_key, label_key: keys of the encoded image and of its integer label.

    Returns:
        An array of `INDEX`, one entry a record, and the set of (label, class name) that occur.

    Raises:
        UserError: no such file, a damaged record, a key that is missing.
        CancelledError: `stop` was set.
    """
    entries, texts, begin = [], set(), 0
    for number, record in enumerate(_records(path)):
        if stop.is_set():
            raise CancelledError
        try:
            feature = tf.train.Example.FromString(record).features.feature
        except DecodeError as error:
            raise UserError(f"{path}: record {number}: found no tf.train.Example ({error})") from None
        contents = _value(feature, image_key, "bytes_list", path, number)
        label = _value(feature, label_key, "int64_list", path, number)
        orientation = _value(feature, ORIENTATION, "int64_list", path, number, default=1)
        weight = _value(feature, WEIGHT, "float_list", path, number, default=math.nan)
        offset = begin + HEADER + image_offset(record, contents)
        entries.append((shard, offset, len(contents), label, orientation, weight))
        texts.add((label, os.fsdecode(_value(feature, TEXT, "bytes_list", path, number, default=b""))))
        begin += HEADER + len(record) + FOOTER
    return np.array(entries, INDEX), texts


def _records(path):
    _check_lengths(path)
    try:
        for batch in tf.data.TFRecordDataset(str(path)).batch(64).as_numpy_iterator():
            yield from batch
    except tf.errors.OpError as error:
        reason = re.sub(r"{{.*?}} | \[Op:.*", "", str(error.message).splitlines()[0])
        raise UserError(f"{path}: not readable as a TFRecord file: {reason}") from None


def _check_lengths(path):
    """Refuse a record that is longer than the file: TensorFlow would allocate what it declares."""
    size, position = check_file(path), 0
    with open(path, "rb") as file:
        while position + HEADER <= size:
            file.seek(position)
            length = int.from_bytes(file.read(8), "little")
            if length > size:
                said = f"corrupted record at {position}: it declares {length:,} bytes of {size:,} in the file"
                raise UserError(f"{path}: not readable as a TFRecord file: {said}")
            position += HEADER + length + FOOTER


def _value(feature, key, kind, path, number, default=None):
    """Return the one value of a key."""
    values = getattr(feature[key], kind).value if key in feature else ()
    if len(values) == 1 and values[0] != b"":
        return values[0]
    if default is not None:
        return default
    raise UserError(
        f"{path}: record {number}: found {len(values)} values in {key!r}, allowed: one, not empty, "
        f"in its {kind} (the keys there are: {', '.join(sorted(feature)) or 'none'})"
    )


def write_shard(path, records):
    """Write serialized examples as a TFRecord file.

    Raises:
        OSError: the disk is full or the file cannot be written.
    """
    try:
        with tf.io.TFRecordWriter(str(path)) as writer:
            for record in records:
                writer.write(record)
    except tf.errors.OpError as error:
        # TensorFlow's are no OSErrors, which is what commands say in one line
        number = errno.ENOSPC if isinstance(error, tf.errors.ResourceExhaustedError) else errno.EIO
        raise OSError(number, str(error.message).rpartition("; ")[2]) from error
