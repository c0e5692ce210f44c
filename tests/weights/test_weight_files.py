"""What weight files give, whoever wrote them."""

import json
import struct

import numpy as np
import pytest
import safetensors.numpy
from torch_files import (
    ARCHIVE,
    COMMAND_LINE,
    KINDS,
    LEGACY,
    Call,
    Persistent,
    both_formats,
    of_torch,
    one_tensor,
    refusal,
    storage_of,
    tensor_of,
    write_archive,
    write_legacy,
)

from kerasnets.weights.formats.state_dict import read_state


@pytest.mark.parametrize("text", [ARCHIVE, LEGACY], ids=["archive", "legacy"])
def test_what_torch_wrote_is_read(tmp_path, text):
    (tmp_path / "w.pth").write_bytes(of_torch(text))
    state = read_state(tmp_path / "w.pth")
    assert list(state) == ["conv.weight", "half", "brain", "bn.num_batches_tracked"]
    np.testing.assert_array_equal(state["conv.weight"], np.arange(12).reshape(3, 4).T)
    for name in ("half", "brain"):
        np.testing.assert_array_equal(state[name], [1.5, -2])
    assert [array.dtype.name for array in state.values()] == ["float32"] * 3 + ["int64"]
    assert state["bn.num_batches_tracked"].shape == ()
    assert all(array.flags.writeable and array.flags.c_contiguous for array in state.values())


@both_formats
def test_views_are_followed_through_their_storage(tmp_path, write):
    array = np.arange(24, dtype="float32")
    views = {
        "transposed": (0, (6, 4), (1, 6)),
        "column": (3, (4,), (6,)),
        "inner": (7, (2, 3), (6, 1)),
        "expanded": (5, (2, 3), (1, 0)),
        "scalar": (23, (), ()),
        "empty": (24, (0, 3), (3, 1)),
        "one": (2, (1, 2), (10**30, 1)),
    }
    legacy = write is write_legacy
    write(
        tmp_path / "w.pth",
        {name: tensor_of(storage_of("9", array), *view, legacy) for name, view in views.items()},
        {"9": array},
    )
    state = read_state(tmp_path / "w.pth")
    image = array.reshape(4, 6)
    np.testing.assert_array_equal(state["transposed"], image.T)
    np.testing.assert_array_equal(state["column"], image[:, 3])
    np.testing.assert_array_equal(state["inner"], image[1:3, 1:4])
    np.testing.assert_array_equal(state["expanded"], [[5, 5, 5], [6, 6, 6]])
    np.testing.assert_array_equal(state["scalar"], 23)
    np.testing.assert_array_equal(state["one"], [[2, 3]])
    assert state["empty"].shape == (0, 3)
    state["transposed"][:] = 0  # an array of its own
    np.testing.assert_array_equal(state["scalar"], 23)


@both_formats
@pytest.mark.parametrize("dtype", KINDS)
def test_every_type_of_element(tmp_path, write, dtype):
    values = np.array([0, 1, 100]).astype(dtype)
    expected = values
    if dtype == "uint16":  # bfloat16: the upper half of a float32
        expected = np.array([1.5, -2, np.inf], "float32")
        values = (expected.view("uint32") >> 16).astype("uint16")
    root = {"w": tensor_of(storage_of("0", values), 0, (3,), (1,), write is write_legacy)}
    write(tmp_path / "w.pth", root, {"0": values})
    read = read_state(tmp_path / "w.pth")["w"]
    assert read.dtype == ("float32" if dtype in ("float16", "uint16") else dtype)
    np.testing.assert_array_equal(read, expected)


def test_a_big_endian_archive(tmp_path):
    root, storages = one_tensor()
    write_archive(tmp_path / "w.pth", root, {"0": storages["0"].astype(">f4")}, order="big")
    read = read_state(tmp_path / "w.pth")["w"]
    np.testing.assert_array_equal(read, range(4))
    assert read.dtype.isnative


def test_the_first_torch_on_python_2(tmp_path):
    """Byte strings for text, pairs in a list, tensors without flags, parameters that are given a state."""
    array = np.arange(4, dtype="float32")
    storage = storage_of("0", array)
    identity = Persistent((b"U\x07storage", storage[1], b"U\x010", b"U\x03cpu", 4, None))
    tensor = Call("torch._utils._rebuild_tensor", identity, 0, (2, 2), (2, 1))
    parameter = Call("torch.nn.parameter.Parameter", tensor, state=(True, False, None))
    root = Call("collections.OrderedDict", [[b"U\x08conv.one", tensor], [b"U\x03two", parameter]])
    write_legacy(tmp_path / "w.pth", root, {"0": array})
    state = read_state(tmp_path / "w.pth")
    assert list(state) == ["conv.one", "two"]
    np.testing.assert_array_equal(state["two"], [[0, 1], [2, 3]])


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: {"epoch": 3, "state_dict": state, "model": {}, "optimizer": {"state": {0: None}}},
        lambda state: {"model": state, "lr": [0.1, True]},
        lambda state: {"state_dict_ema": state, "shape": Call("torch.Size", (1, 2)), "arch": "resnet18"},
        lambda state: {"state_dict": {f"module.{name}": tensor for name, tensor in state.items()}},
        lambda state: {f"module.{name}": tensor for name, tensor in state.items()},
        lambda state: {"state_dict": {"model": state["w"], "w": state["w"]}},
    ],
)
def test_checkpoints_are_unwrapped(tmp_path, wrap):
    root, storages = one_tensor()
    write_archive(tmp_path / "w.pth", wrap(root), storages)
    np.testing.assert_array_equal(read_state(tmp_path / "w.pth")["w"], range(4))


@both_formats
def test_a_training_checkpoint_holds_its_command_line(tmp_path, write):
    root, storages = one_tensor(write is write_legacy)
    write(tmp_path / "w.pth", {"args": COMMAND_LINE, "model": root, "epoch": 3}, storages)
    state = read_state(tmp_path / "w.pth")
    assert list(state) == ["w"]
    np.testing.assert_array_equal(state["w"], range(4))


def test_wrappers_are_taken_off_names_that_stay_different(tmp_path):
    np.savez(tmp_path / "w.npz", **{"module.a": np.ones(1), "b": np.ones(1)})
    assert set(read_state(tmp_path / "w.npz")) == {"a", "b"}
    np.savez(tmp_path / "w.npz", **{"module.a": np.ones(1), "a": np.ones(1)})
    assert "found two tensors for 'a': 'module.a' and 'a'" in refusal(tmp_path / "w.npz")


def test_metadata_of_a_state_dict_is_passed_over(tmp_path):
    root, storages = one_tensor()
    inner = Call("collections.OrderedDict", [["w", root["w"]]], state={"_metadata": {"": {"version": 1}}})
    write_archive(tmp_path / "w.pth", inner, storages)
    assert list(read_state(tmp_path / "w.pth")) == ["w"]


def test_npz_and_safetensors(tmp_path):
    state = {"a": np.arange(6, dtype="float32").reshape(2, 3), "n": np.array(3), "h": np.ones(2, "float16")}
    np.savez(tmp_path / "npz.any", **state)
    (tmp_path / "npz.any.npz").rename(tmp_path / "npz.any")  # the content tells, not the name
    safetensors.numpy.save_file(state, tmp_path / "safe.any")
    for kind in ("npz", "safe"):
        read = read_state(tmp_path / f"{kind}.any")
        assert {name: array.dtype.name for name, array in read.items()} == {
            "a": "float32",
            "n": "int64",
            "h": "float32",
        }
        for name, array in state.items():
            np.testing.assert_array_equal(read[name], array)
            assert read[name].shape == array.shape
            assert read[name].flags.writeable


def _write_safetensors(path, dtype, raw):
    header = {"w": {"dtype": dtype, "shape": [2], "data_offsets": [0, len(raw)]}}
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + raw)


def test_safetensors_of_bfloat16_and_of_types_that_weights_do_not_have(tmp_path):
    path = tmp_path / "w.safetensors"
    _write_safetensors(path, "BF16", b"\xc0\x3f\x00\xc0")
    np.testing.assert_array_equal(read_state(path)["w"], np.array([1.5, -2], "float32"))
    _write_safetensors(path, "F8_E4M3", b"\x00\x00")
    assert "w: found F8_E4M3, allowed: F64, F32" in refusal(path)
    _write_safetensors(path, "F32", b"\x00\x00")
    assert "not readable as safetensors" in refusal(path)
