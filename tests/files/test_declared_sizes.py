"""Files that declare more than they hold or than fits are refused unread, as is what is no regular file."""

import gzip
import io
import os
import struct
import threading
import zipfile

import h5py
import keras
import numpy as np
import pytest
from allocations import within

from kerasnets.data.label_tree import read_label_tree
from kerasnets.data.shards.manifest import read_manifest
from kerasnets.data.shards.record_format import scan
from kerasnets.data.sources.csv_file import read_csv
from kerasnets.data.sources.keras_datasets import read_idx
from kerasnets.errors import UserError
from kerasnets.files.arrays import read_arrays
from kerasnets.recipe import load_recipe
from kerasnets.weights.formats.declared_sizes import check_keras_file
from kerasnets.weights.formats.state_dict import read_state

PETABYTE = (2**25, 2**25)


def _npz(path, declared):
    """Write an archive of one array's header; its directory declares `declared` bytes."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": PETABYTE})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x_train.npy", header.getvalue())
        archive.infolist()[0].file_size = declared + len(header.getvalue())


def _h5(path, **options):
    with h5py.File(path, "w") as file:
        file.create_dataset("layers/fc/vars/0", PETABYTE, "f4", chunks=(64, 64), **options)


def _keras(path):
    _h5(path.with_suffix(".h5"))
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(path.with_suffix(".h5"), "model.weights.h5")


def _idx(path):
    path.write_bytes(gzip.compress(bytes([0, 0, 8, 2]) + struct.pack(">2I", *PETABYTE)))


@pytest.mark.parametrize(
    ("name", "write", "read", "said"),
    [
        ("lies.npz", lambda path: _npz(path, 0), read_arrays, "x_train declares 1,125,899,906,842,624 bytes"),
        ("large.npz", lambda path: _npz(path, 2**50), read_arrays, "its arrays: found 1,048,576.0 GiB, all"),
        ("large.npz", lambda path: _npz(path, 2**50), read_state, "its arrays: found 1,048,576.0 GiB, all"),
        ("a.weights.h5", _h5, check_keras_file, "fc/vars/0: found 0 bytes, allowed: the 4,503,599,627,370,"),
        ("gz.h5", lambda path: _h5(path, compression="gzip"), check_keras_file, "found 4,194,304.0 GiB, al"),
        ("model.keras", _keras, check_keras_file, "fc/vars/0: found 0 bytes, allowed: the 4,503,599,627,3"),
        ("train.idx.gz", _idx, read_idx, "found 1,048,576.0 GiB, allowed: .* GiB, the memory that is avai"),
    ],
)
def test_what_declares_a_petabyte_is_refused_before_anything_of_its_size(tmp_path, name, write, read, said):
    path = tmp_path / name
    write(path)
    assert path.stat().st_size < 10_000

    def refused():
        with pytest.raises(UserError, match=f"^{path}: .*{said}") as caught:
            read(path)
        return str(caught.value)

    assert "\n" not in within(2**20, refused)


def test_a_network_that_declares_more_than_its_file_holds_is_refused(tmp_path):
    path, evil = tmp_path / "right.keras", tmp_path / "evil.keras"
    images = keras.Input((8, 8, 3))
    keras.Model(images, keras.layers.Dense(7)(keras.layers.Flatten()(images))).save(path)
    with zipfile.ZipFile(path) as right, zipfile.ZipFile(evil, "w") as archive:
        for name in right.namelist():
            contents = right.read(name)
            archive.writestr(name, contents.replace(b'"units": 7', b'"units": 70000000000'))
    check_keras_file(path)
    said = "found 1,351 numbers, allowed: the 13,510,000,000,000 weights that its network declares"
    with pytest.raises(UserError, match=f"^{evil}: {said}"):
        check_keras_file(evil)


def test_what_declares_what_it_holds_is_read(tmp_path):
    arrays = {"a": np.arange(3), "b": np.array(["x", "yz"]), "c": np.float64(3), "d": np.zeros((0, 3), "f4")}
    np.savez_compressed(tmp_path / "x.npz", **arrays)
    found = read_arrays(tmp_path / "x.npz")
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["contiguous"] = np.ones(5)
        file.create_dataset("packed", data=np.zeros(9999), compression="gzip")
        file.create_dataset("none", data=h5py.Empty("f4"))
    check_keras_file(tmp_path / "x.h5")


def _masked_checksum(data):
    """Return the CRC-32C of some bytes, masked as TFRecord files have it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) % 2**32


def test_a_record_that_declares_a_petabyte_is_refused(tmp_path):
    length = struct.pack("<Q", 2**50)
    path = tmp_path / "train-00000-of-00001"
    path.write_bytes(length + struct.pack("<I", _masked_checksum(length)) + bytes(100))
    with pytest.raises(
        UserError, match=f"^{path}: not readable .*: corrupted record at 0: it declares 1,125,8"
    ):
        scan(path, threading.Event())


@pytest.mark.parametrize("kind", ["FIFO", "device", "folder"])
@pytest.mark.parametrize(
    ("read", "name"),
    [
        (read_arrays, "x.npz"),
        (read_state, "x.pth"),
        (check_keras_file, "x.h5"),
        (lambda path: read_csv(path, 3), "x.csv"),
        (lambda path: read_label_tree(path, ["a", "b"]), "x.csv"),
        (load_recipe, "x.toml"),
        (lambda path: scan(path, threading.Event()), "train-00000-of-00001"),
        (lambda path: read_manifest(path.parent), "manifest.json"),
    ],
)
def test_what_is_no_regular_file_is_refused_before_it_is_opened(tmp_path, kind, read, name):
    path = tmp_path / name
    if kind == "FIFO":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()
    with pytest.raises(UserError, match=f"^{path}: found a {kind}, allowed: a "):
        read(path)
