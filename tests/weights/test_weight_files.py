"""Weight files: what they give, whoever wrote them, and what a damaged or hostile one can do: nothing."""

import argparse
import base64
import io
import json
import pickle
import random
import struct
import tracemalloc
import zipfile
import zlib

import numpy as np
import pytest
import safetensors.numpy

from kerasnets.errors import UserError
from kerasnets.weights.formats import pickle_program, torch_file
from kerasnets.weights.formats.state_dict import read_state

# ---- two files that torch 2.14.1 wrote, compressed and in base64:
#
#     torch.save(OrderedDict({
#         "conv.weight": torch.nn.Parameter(torch.arange(12.0).reshape(3, 4).t()),
#         "half": torch.tensor([1.5, -2.0]).half(), "brain": torch.tensor([1.5, -2.0]).bfloat16(),
#         "bn.num_batches_tracked": torch.tensor(3),
#     }), path, _use_new_zipfile_serialization=True or False)

ARCHIVE = """
eNqlVttP01AYP7tQRhG5ilxUULwMI2PtYBsYbo02JDVxzJgsvDRdV7aG0nK6MxASExIDXhIfTIjxyRjefdZHnnz3gcQHE0l4Mib6L3hOO0
bbOYhwtq/Nuu932en3fV1KCAQBCIVA1WrFL6Tqa5F1dXk4JyEpsryo8VwTmHeuDb8sG5qmyEg19CL90MwpppK7p8qIhmAwDX3hTCMmkw19
JbKqqPkCgn4ZGaZciIglpGpFWjSVbEnVcuKyZEpLClJMGgZqpCBFLxqmuMLSMBgOZ+oxcxFnSnkF1tkQmtcMCT2yL9KQyvhwThTWZwLExX
IJhoRzCDbMCUAICoEtSAs+IbgFG18WiFv8VVMann9hfWh+DlvSsDWD9wcUJG0BthWwaOFQaBZfqui0WzoM7CiEBD+CFwi/fxN2Cr5NeNHm
7kKwOw17MnU4MWtKqg57XXyc5ZyJVzgvWZwsvGxzXilz9hHOfpvzKoLX0nAg00k49YheWhKzEpILSlFEpiQvKjl43SXywNDzFYEblkAM3s
QCPgRvYYHBQZs4jCA+3i5FUkJ9aOf3wJd9nEoiVbNeukDPUb1EFgxzSULiimIWcWHwXKe7bCqLIQKf/nx/RqyQqC3QC+IOgfJ9FyVNzetL
io54jq2hcdyKjxADU6vwpx9L+I810AYmjwxk15BikGrnufFT6B4uTUVIU4iHzYmDbgqrUMd6aAYT7q4cjvLc2OkN2KwbU/gwjd84NnB8wL
GLYx8HmAGgBUc/jugMcfrk6cJklLTVCU7bPU4Znmv2OsVbuks443t726TRgidwTnk4WZ67e4btn9+dsvXr5+YPTqMfO6N+oMxMPLz69vEX
EQ0d66EFjB95qPRX/JQmYjRR/vo+//jk+u8DjKMBrZ9fVEwVd+C6RMa/qOZ4buj/jDDRRCIZZxPsWGJsLDk6wsTZ0WhyNBYfYUbxxRiTSI
6wiWjScrkz+yOMfYQtlz5ituLTOaNaq5xXPce8cOcE6nJBo35Qc6x5WZxjpNfF8sbFUjW7vETOWdDmnkEB8I8Z5MU7O7TZhX8bAN754QU7
W9ENng56wYwX7OwjN3i7Csx6wc4GcIM76rzgmBfsrOEWF/idE1zj1jlrq8+94xQ4qepTAkXdKadfCQxVoLTn/Npvnz9Th01Pkb8w4H6D/d
l+/tVRNoa28u3cv6IeKQw=
"""

LEGACY = """
eNp1kktv00AQx9ePNMVNS3i1lGd4JxyiJErT+EIpQhXSUh7h4guyHGeJDa6dWY+DQKqUS0vhM3DgyMfIR+HKR0DiwDhJo0QKK//H3vHs/G
Z2d6B+M4K/3/f+FN7/fLVZHqj7vzWyh8CKVp4x1pMRRm4U2H0hYz8KQaEAa5X+BD5iIGwRdnwnBPXEMsiJn3rCjv3PIgbtEPSilSFn7EUS
IcNVS6OZHyIscd3S0xxR2IUs15OEmC5hAuEiUWLjpewIKTpPfRcNYKUWKEVrhVa4UdgvfxR+10NQXYyk65XtBP0gNmwp2okfdOyeI50DgU
IaoP0nBEUYR9Lu1wwqsmhl0yop0ukKyIyXGHtB5OCbsdOAJWuNYsx6s9Jo1pqNbXOrVoHsqCG3l8Ayz71AOPOaM65z7RgMrnD9GFa+emnt
OYTVFqydjCZnv0C+BedG/XtO8A7Oe1SCd4p9Rq4p9cIMtbptmkSuw0VvmatEu5TS1CNY58oRbIxJlxE2W3BltO1t6fghXJ3L/mTUVbUxJV
yb76tZq5o1uD4h3JgQbqaEwphwC+F2C+5Y6ykhLIfJgd120PVEbKN03A+iA3fnkM/pjKe4e7O4ar1aMet1uE84hXAPCFcqjTFFBLIP03vx
Nr2LC/ZBWZRLXXRO2qImdVFW2WQ8YkNl8qlN3jk2OwY7ZB7TQxqQfpCGpF8ktstYnlQgVXZPcw532PAf/RPdTQ==
"""


def _of_torch(text):
    return zlib.decompress(base64.b64decode(text))


# ---- a writer of both formats, and of what torch.save would never write


class Named:
    """A global by name."""

    def __init__(self, name):
        self.name = name


class Call(Named):
    """A global called with arguments, and then given a state, where there is one."""

    def __init__(self, name, *arguments, state=None):
        super().__init__(name)
        self.arguments, self.state = arguments, state


class Persistent:
    def __init__(self, identity):
        self.identity = identity


def _code(value):
    """The pickle instructions of protocol 2 that make `value`; bytes are instructions already."""
    match value:
        case bytes():
            return value
        case None:
            return b"N"
        case bool():
            return b"\x88" if value else b"\x89"
        case int():
            raw = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
            return b"\x8a" + bytes([len(raw)]) + raw
        case float():
            return b"G" + struct.pack(">d", value)
        case str():
            return b"X" + struct.pack("<I", len(value.encode())) + value.encode()
        case tuple():
            return b"(" + b"".join(map(_code, value)) + b"t"
        case list():
            return b"](" + b"".join(map(_code, value)) + b"e"
        case dict():
            return b"}(" + b"".join(_code(key) + _code(each) for key, each in value.items()) + b"u"
        case Call():
            built = b"" if value.state is None else _code(value.state) + b"b"
            return _code(Named(value.name)) + _code(value.arguments) + b"R" + built
        case Named():
            return b"c" + "\n".join([*value.name.rsplit(".", 1), ""]).encode()
        case Persistent():
            return _code(value.identity) + b"Q"


def _pickled(value):
    return b"\x80\x02" + _code(value) + b"."


def _write_archive(path, root, storages, order="little", **options):
    with zipfile.ZipFile(path, "w", **options) as archive:
        archive.writestr("made/data.pkl", _pickled(root))
        archive.writestr("made/version", "3\n")
        archive.writestr("made/byteorder", order)
        for key, array in storages.items():
            archive.writestr(f"made/data/{key}", array.tobytes())


def _write_legacy(path, root, storages):
    heads = (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}, root, list(storages))
    bodies = [struct.pack("<q", array.size) + array.tobytes() for array in storages.values()]
    path.write_bytes(b"".join([*map(_pickled, heads), *bodies]))


KINDS = {"float64": "Double", "float32": "Float", "float16": "Half", "uint16": "BFloat16", "int64": "Long",
         "int32": "Int", "int16": "Short", "int8": "Char", "uint8": "Byte", "bool": "Bool"}  # fmt: skip


def _storage(key, array, kind=None, length=None):
    identity = ("storage", Named(f"torch.{kind or KINDS[array.dtype.name]}Storage"), key, "cuda:0")
    return (*identity, array.size if length is None else length)


def _tensor(storage, offset, size, stride, legacy=False):
    identity = Persistent((*storage, None) if legacy else storage)
    hooks = Call("collections.OrderedDict")
    return Call("torch._utils._rebuild_tensor_v2", identity, offset, size, stride, False, hooks)


def _one(legacy=False, name="w"):
    """A state dict of one tensor, 0 1 2 3, and its storages."""
    array = np.arange(4, dtype="float32")
    return {name: _tensor(_storage("0", array), 0, (4,), (1,), legacy)}, {"0": array}


def _refusal(path):
    with pytest.raises(UserError) as caught:
        read_state(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert len(message.splitlines()) == 1
    assert len(message) < len(str(path)) + 500
    return message


COMMAND_LINE = pickle.dumps(
    argparse.Namespace(
        model="resnet50", lr=0.5, epochs=90, crop=-1, seed=2**40, amp=False, resume=None, lr_steps=[30, 60],
        mean=(0.485, 0.456, 0.406), ema=argparse.Namespace(decay=0.9), workers={"train": 16},
    ),
    protocol=2,
)[2:-1]  # fmt: skip
"""Its instructions alone, as torch.save writes them, without protocol and end."""

both_formats = pytest.mark.parametrize("write", [_write_archive, _write_legacy])


# ---- what they give


@pytest.mark.parametrize("text", [ARCHIVE, LEGACY], ids=["archive", "legacy"])
def test_what_torch_wrote_is_read(tmp_path, text):
    (tmp_path / "w.pth").write_bytes(_of_torch(text))
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
    legacy = write is _write_legacy
    write(
        tmp_path / "w.pth",
        {name: _tensor(_storage("9", array), *view, legacy) for name, view in views.items()},
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
    root = {"w": _tensor(_storage("0", values), 0, (3,), (1,), write is _write_legacy)}
    write(tmp_path / "w.pth", root, {"0": values})
    read = read_state(tmp_path / "w.pth")["w"]
    assert read.dtype == ("float32" if dtype in ("float16", "uint16") else dtype)
    np.testing.assert_array_equal(read, expected)


def test_a_big_endian_archive(tmp_path):
    root, storages = _one()
    _write_archive(tmp_path / "w.pth", root, {"0": storages["0"].astype(">f4")}, order="big")
    read = read_state(tmp_path / "w.pth")["w"]
    np.testing.assert_array_equal(read, range(4))
    assert read.dtype.isnative


def test_the_first_torch_on_python_2(tmp_path):
    """Byte strings for text, pairs in a list, tensors without flags, parameters that are given a state."""
    array = np.arange(4, dtype="float32")
    storage = _storage("0", array)
    identity = Persistent((b"U\x07storage", storage[1], b"U\x010", b"U\x03cpu", 4, None))
    tensor = Call("torch._utils._rebuild_tensor", identity, 0, (2, 2), (2, 1))
    parameter = Call("torch.nn.parameter.Parameter", tensor, state=(True, False, None))
    root = Call("collections.OrderedDict", [[b"U\x08conv.one", tensor], [b"U\x03two", parameter]])
    _write_legacy(tmp_path / "w.pth", root, {"0": array})
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
    root, storages = _one()
    _write_archive(tmp_path / "w.pth", wrap(root), storages)
    np.testing.assert_array_equal(read_state(tmp_path / "w.pth")["w"], range(4))


@both_formats
def test_a_training_checkpoint_holds_its_command_line(tmp_path, write):
    root, storages = _one(write is _write_legacy)
    write(tmp_path / "w.pth", {"args": COMMAND_LINE, "model": root, "epoch": 3}, storages)
    state = read_state(tmp_path / "w.pth")
    assert list(state) == ["w"]
    np.testing.assert_array_equal(state["w"], range(4))


def test_wrappers_are_taken_off_names_that_stay_different(tmp_path):
    np.savez(tmp_path / "w.npz", **{"module.a": np.ones(1), "b": np.ones(1)})
    assert set(read_state(tmp_path / "w.npz")) == {"a", "b"}
    np.savez(tmp_path / "w.npz", **{"module.a": np.ones(1), "a": np.ones(1)})
    assert "found two tensors for 'a': 'module.a' and 'a'" in _refusal(tmp_path / "w.npz")


def test_metadata_of_a_state_dict_is_passed_over(tmp_path):
    root, storages = _one()
    inner = Call("collections.OrderedDict", [["w", root["w"]]], state={"_metadata": {"": {"version": 1}}})
    _write_archive(tmp_path / "w.pth", inner, storages)
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
    assert "w: found F8_E4M3, allowed: F64, F32" in _refusal(path)
    _write_safetensors(path, "F32", b"\x00\x00")
    assert "not readable as safetensors" in _refusal(path)


# ---- what is refused


def test_what_is_no_weight_file(tmp_path):
    assert "no such file" in _refusal(tmp_path / "none.pth")
    assert "found a folder, allowed: a file" in _refusal(tmp_path)
    path = tmp_path / "w.pth"
    for content in (b"", b"P", b"hello", b"\x89HDF\r\n\x1a\n" + bytes(99), bytes(999)):
        path.write_bytes(content)
        assert "found another kind of file, allowed: PyTorch" in _refusal(path)
    path.write_bytes(pickle.dumps([1, 2], protocol=2))
    assert "does not begin with torch's magic number" in _refusal(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("notes.txt", "hello")
    assert "an archive without data.pkl" in _refusal(path)
    _write_archive(path, {}, {})
    assert "found no tensors" in _refusal(path)


@pytest.mark.parametrize(
    ("root", "said"),
    [
        ([1], "found list, allowed: a state dict"),
        (None, "found nonetype, allowed: a state dict"),
        ({"epoch": 3}, "found int under 'epoch'"),
        ({0: None}, "found nonetype under '0'"),
        ({"state_dict": {"a\nb": "c"}}, r"found str under 'a\nb'"),
        ({"model": {"w": {}}}, "found dict under 'w'"),
        ({"args": COMMAND_LINE}, "found namespace under 'args'"),
        (COMMAND_LINE, "found namespace, allowed: a state dict"),
        (
            {"cfg": Call("omegaconf.DictConfig")},
            "asks for 'omegaconf.DictConfig', allowed: tensors alone; save",
        ),
    ],
)
def test_what_is_no_state_dict(tmp_path, root, said):
    _write_archive(tmp_path / "w.pth", root, {})
    assert said in _refusal(tmp_path / "w.pth")


@both_formats
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"offset": 1}, "reaches beyond its storage"),
        ({"offset": -1}, "not natural numbers"),
        ({"offset": None}, "not natural numbers"),
        ({"size": (-4,)}, "not natural numbers"),
        ({"stride": (-1,)}, "not natural numbers"),
        ({"stride": ("1",)}, "not natural numbers"),
        ({"stride": (2,)}, "reaches beyond its storage"),
        ({"stride": (2**70,)}, "reaches beyond its storage"),
        ({"size": (5,)}, "reaches beyond its storage"),
        ({"size": (2, 2)}, "2 sizes and 1 strides"),
        ({"size": (1,) * 65, "stride": (1,) * 65}, "65 sizes"),
        ({"size": [4]}, "calls torch._utils._rebuild_tensor_v2 in a way"),
        ({"size": (2**40,), "stride": (0,)}, "more than 4 times the file"),
        ({"size": (0, 2**62), "stride": (0, 0)}, "not readable as a PyTorch file"),
        ({"size": (0, 2**700), "stride": (0, 0)}, "not readable as a PyTorch file"),
        ({"length": 3}, ""),
        ({"length": -4}, "persistent id"),
        ({"length": 2**62}, ""),
        ({"kind": "Double"}, ""),
        ({"kind": "Quantized"}, "asks for 'torch.QuantizedStorage'"),
        ({"key": "1"}, ""),
        ({"key": "../data.pkl"}, ""),
    ],
    ids=str,
)
def test_tensors_stay_inside_their_storage(tmp_path, write, change, said):
    array = np.arange(4, dtype="float32")
    place = {"offset": 0, "size": (4,), "stride": (1,), "length": None, "kind": None, "key": "0"} | change
    storage = _storage(place["key"], array, place["kind"], place["length"])
    view = (place["offset"], place["size"], place["stride"])
    write(tmp_path / "w.pth", {"w": _tensor(storage, *view, write is _write_legacy)}, {"0": array})
    assert said in _refusal(tmp_path / "w.pth")


@both_formats
def test_one_storage_does_not_fill_the_memory(tmp_path, write):
    array = np.zeros(10**5, "float32")
    tensor = _tensor(_storage("0", array), 0, (10**5,), (1,), write is _write_legacy)
    write(tmp_path / "w.pth", {str(index): tensor for index in range(200)}, {"0": array})
    assert "more than 4 times the file" in _refusal(tmp_path / "w.pth")
    root, storages = _one(write is _write_legacy)
    root["other"] = _tensor(_storage("0", array[:4], "Int"), 0, (4,), (1,), write is _write_legacy)
    write(tmp_path / "w.pth", root, storages)
    assert "two storages of the name '0'" in _refusal(tmp_path / "w.pth")


def test_compressed_archives_are_refused(tmp_path):
    root, _ = _one()
    zeros = {"0": np.zeros(10**6, "float32")}
    _write_archive(tmp_path / "w.pth", root, zeros, compression=zipfile.ZIP_DEFLATED)
    assert "found compressed members" in _refusal(tmp_path / "w.pth")
    _write_archive(tmp_path / "w.pth", *_one())
    whole = (tmp_path / "w.pth").read_bytes()
    directory = whole.rindex(b"PK\x01\x02")  # the storage's entry, last in the directory
    lied = whole[: directory + 20] + struct.pack("<II", 10**9, 10**9) + whole[directory + 28 :]
    (tmp_path / "w.pth").write_bytes(lied)
    assert "members are larger than the file" in _refusal(tmp_path / "w.pth")


# ---- what is hostile

TOUCH = b"X\x06\0\0\0canary"
DEEP = b"N" + b"\x85" * 100_000
DOUBLED = b"N" + b"q\x00h\x00\x86" * 60

HOSTILE = {
    "reduce": Call("os.mknod", TOUCH),
    "reduce of a builtin": Call("builtins.open", TOUCH, "w"),
    "Python 2's name": Call("__builtin__.open", TOUCH, "w"),
    "a dotted way round": b"ctorch\n_utils.os.mknod\n(" + TOUCH + b"tR",
    "a name of an allowed module": Call("torch.serialization.os.mknod", TOUCH),
    "global and build": _code(Named("os.environ")) + _code({"PATH": "x"}) + b"b",
    "build on a function": _code(Named("torch._utils._rebuild_tensor")) + _code({"__code__": 1}) + b"b",
    "build with slots": _code(Named("torch._utils._rebuild_tensor")) + _code((None, {"__code__": 1})) + b"b",
    "stack global": b"\x8c\x02os\x8c\x05mknod\x93" + b"(" + TOUCH + b"tR",
    "inst": b"(" + TOUCH + b"ios\nmknod\n",
    "obj": b"(" + _code(Named("os.mknod")) + TOUCH + b"o",
    "newobj": _code(Named("collections.OrderedDict")) + b")\x81",
    "newobj of a command line with arguments": _code(Named("argparse.Namespace")) + b"N\x85\x81",
    "newobj of no name": b"X\x04\0\0\0evil)\x81",
    "reduce of a command line": Call("argparse.Namespace", {"a": 1}),
    "build on a command line's class": _code(Named("argparse.Namespace")) + _code({"__init__": 1}) + b"b",
    "newobj with names": _code(Named("collections.OrderedDict")) + b")}\x92",
    "ext1": b"\x82\x01",
    "ext2": b"\x83\x01\x00",
    "ext4": b"\x84\x01\x00\x00\x00",
    "reduce of text": b"X\x04\0\0\0evil)R",
    "reduce without a tuple": _code(Named("collections.OrderedDict")) + b"]R",
    "reduce of a storage": Call("torch.FloatStorage", 10**12),
    "reduce of a type": Call("torch.float32", 1),
    "pairs that are none": Call("collections.OrderedDict", [[1, 2, 3]]),
    "pairs of a number": Call("collections.OrderedDict", 3),
    "a parameter of nothing": Call("torch.nn.parameter.Parameter", 10**12),
    "negated tensor": Call("torch._utils._rebuild_tensor_v2", Persistent(_storage("0", np.zeros(4, "f4"))), 0,
                           (4,), (1,), False, None, {"neg": True}),
    "identity of text": Persistent("storage"),
    "identity in text": b"P0\n",
    "identity of nothing": Persistent(()),
    "identity nested": Persistent((("storage",), ("storage",), "0", "cpu", 4)),
    "identity of a module": Persistent(("module", Named("torch.FloatStorage"), "file", "source")),
    "identity of another type": Persistent(("storage", "torch.FloatStorage", "0", "cpu", 4)),
    "identity of a dtype": Persistent(("storage", Named("torch.float32"), "0", "cpu", 4)),
    "identity of a view": Persistent((*_storage("0", np.zeros(4, "f4")), ("1", 0, 2**40))),
    "identity too deep": b"(" + b"X\x07\0\0\0storage" + DEEP + b"tQ",
    "deep": DEEP,
    "deep key": b"}" + DEEP + b"Ns",
    "doubled key": b"}" + DOUBLED + b"Ns",
    "key of a tensor": {_storage("0", np.zeros(4, "f4")): 1},
    "itself": b"}q\x00X\x05\0\0\0modelh\x00s",
    "itself as a list": b"]q\x00h\x00a",
    "far memo": b"Nr\xff\xff\xff\xff",
    "unknown memo": b"h\x07",
    "long text": b"X\xff\xff\xff\xffabc",
    "long bytes": b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7f",
    "long byte array": b"\x96\xff\xff\xff\xff\xff\xff\xff\x7f",
    "long number": b"\x8b\xff\xff\xff\x7f",
    "frame": b"\x95\xff\xff\xff\xff\xff\xff\xff\x7f",
    "nothing to pop": b"R",
    "no mark": b"t",
    "mark below the stack": b"N(\x85t",
    "odd items": b"}(NNNu",
    "append to a dict": b"}Na",
    "set in a list": b"]NNs",
    "a name of many lines": b"cos\r\x85\nsystem\n",
    "a long name": b"c" + b"a" * 10**5 + b"\nb\n",
    "no end": b"c" + b"a" * 1000,
    "one list, many dicts": b"(" + _code([[str(index), None] for index in range(1000)]) + b"q\x00"
    + _code(Named("collections.OrderedDict")) + b"q\x01" + b"h\x01h\x00\x85R" * 10**4 + b"t",
}  # fmt: skip


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("write", [_write_archive, _write_legacy], ids=["alone", "inside"])
def test_a_hostile_pickle_does_nothing(tmp_path, monkeypatch, write, hostile):
    monkeypatch.chdir(tmp_path)
    code = _code(HOSTILE[hostile])
    if write is _write_archive:
        write(tmp_path / "w.pth", code, {})
    else:
        root, storages = _one(legacy=True)
        write(tmp_path / "w.pth", {**root, "x": code}, storages)
    tracemalloc.start()
    try:
        _refusal(tmp_path / "w.pth")
        assert tracemalloc.get_traced_memory()[1] < 50e6
    finally:
        tracemalloc.stop()
    assert not (tmp_path / "canary").exists()


def test_a_pickle_has_an_end(tmp_path, monkeypatch):
    root, storages = _one()
    _write_archive(tmp_path / "w.pth", root, storages)
    monkeypatch.setattr(pickle_program, "MOST_INSTRUCTIONS", 20)
    assert "more than 20 pickle instructions" in _refusal(tmp_path / "w.pth")
    monkeypatch.setattr(torch_file, "LONGEST_PICKLE", 100)
    assert "data.pkl is longer than 100 bytes" in _refusal(tmp_path / "w.pth")
    _write_legacy(tmp_path / "w.pth", *_one(legacy=True))
    assert "not readable as a PyTorch file" in _refusal(tmp_path / "w.pth")


def _whole(kind):
    if kind == "safetensors":
        return safetensors.numpy.save({"a": np.ones((3, 4), "float32"), "b": np.arange(3)})
    if kind == "npz":
        np.savez(file := io.BytesIO(), a=np.ones((3, 4), "float32"), b=np.arange(3))
        return file.getvalue()
    return _of_torch(ARCHIVE if kind == "archive" else LEGACY)


def _sound_or_refused(path, content):
    path.write_bytes(content)
    tracemalloc.start()
    try:
        state, said = read_state(path), ""
    except UserError as error:
        state, said = {}, str(error)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(said.splitlines()) == (not state)
    assert all(type(name) is str and isinstance(array, np.ndarray) for name, array in state.items())
    assert sum(array.nbytes for array in state.values()) <= 8 * len(content)
    assert peak < 2e6


all_kinds = pytest.mark.parametrize("kind", ["archive", "legacy", "safetensors", "npz"])


@all_kinds
def test_cut_off_anywhere(tmp_path, kind):
    whole = _whole(kind)
    for length in {*range(0, len(whole), 97), len(whole) - 1}:
        (tmp_path / f"w.{kind}").write_bytes(whole[:length])
        _refusal(tmp_path / f"w.{kind}")


@all_kinds
def test_altered_bits(tmp_path, kind):
    draw = random.Random(0)
    whole = _whole(kind)
    for _ in range(200):
        altered = bytearray(whole)
        altered[draw.randrange(len(whole))] ^= 1 << draw.randrange(8)
        _sound_or_refused(tmp_path / f"w.{kind}", bytes(altered))
