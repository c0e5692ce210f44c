"""Weight files that are refused, and what a damaged or hostile one can do: nothing."""

import io
import pickle
import random
import struct
import zipfile

import numpy as np
import pytest
import safetensors.numpy
from allocations import within
from torch_files import (
    ARCHIVE,
    COMMAND_LINE,
    LEGACY,
    Call,
    Named,
    Persistent,
    both_formats,
    coded,
    of_torch,
    one_tensor,
    refusal,
    storage_of,
    tensor_of,
    write_archive,
    write_legacy,
)

from kerasnets.errors import UserError
from kerasnets.weights.formats import pickle_program, torch_file
from kerasnets.weights.formats.state_dict import read_state

# ---- what is refused


def test_what_is_no_weight_file(tmp_path):
    assert "no such file" in refusal(tmp_path / "none.pth")
    assert "found a folder, allowed: a file" in refusal(tmp_path)
    path = tmp_path / "w.pth"
    for content in (b"", b"P", b"hello", b"\x89HDF\r\n\x1a\n" + bytes(99), bytes(999)):
        path.write_bytes(content)
        assert "found another kind of file, allowed: PyTorch" in refusal(path)
    path.write_bytes(pickle.dumps([1, 2], protocol=2))
    assert "does not begin with torch's magic number" in refusal(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("notes.txt", "hello")
    assert "an archive without data.pkl" in refusal(path)
    write_archive(path, {}, {})
    assert "found no tensors" in refusal(path)


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
    write_archive(tmp_path / "w.pth", root, {})
    assert said in refusal(tmp_path / "w.pth")


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
    storage = storage_of(place["key"], array, place["kind"], place["length"])
    view = (place["offset"], place["size"], place["stride"])
    write(tmp_path / "w.pth", {"w": tensor_of(storage, *view, write is write_legacy)}, {"0": array})
    assert said in refusal(tmp_path / "w.pth")


@both_formats
def test_one_storage_does_not_fill_the_memory(tmp_path, write):
    array = np.zeros(10**5, "float32")
    tensor = tensor_of(storage_of("0", array), 0, (10**5,), (1,), write is write_legacy)
    write(tmp_path / "w.pth", {str(index): tensor for index in range(200)}, {"0": array})
    assert "more than 4 times the file" in refusal(tmp_path / "w.pth")
    root, storages = one_tensor(write is write_legacy)
    root["other"] = tensor_of(storage_of("0", array[:4], "Int"), 0, (4,), (1,), write is write_legacy)
    write(tmp_path / "w.pth", root, storages)
    assert "two storages of the name '0'" in refusal(tmp_path / "w.pth")


def test_compressed_archives_are_refused(tmp_path):
    root, _ = one_tensor()
    zeros = {"0": np.zeros(10**6, "float32")}
    write_archive(tmp_path / "w.pth", root, zeros, compression=zipfile.ZIP_DEFLATED)
    assert "found compressed members" in refusal(tmp_path / "w.pth")
    write_archive(tmp_path / "w.pth", *one_tensor())
    whole = (tmp_path / "w.pth").read_bytes()
    directory = whole.rindex(b"PK\x01\x02")  # the storage's entry, last in the directory
    lied = whole[: directory + 20] + struct.pack("<II", 10**9, 10**9) + whole[directory + 28 :]
    (tmp_path / "w.pth").write_bytes(lied)
    assert "members are larger than the file" in refusal(tmp_path / "w.pth")


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
    "global and build": coded(Named("os.environ")) + coded({"PATH": "x"}) + b"b",
    "build on a function": coded(Named("torch._utils._rebuild_tensor")) + coded({"__code__": 1}) + b"b",
    "build with slots": coded(Named("torch._utils._rebuild_tensor")) + coded((None, {"__code__": 1})) + b"b",
    "stack global": b"\x8c\x02os\x8c\x05mknod\x93" + b"(" + TOUCH + b"tR",
    "inst": b"(" + TOUCH + b"ios\nmknod\n",
    "obj": b"(" + coded(Named("os.mknod")) + TOUCH + b"o",
    "newobj": coded(Named("collections.OrderedDict")) + b")\x81",
    "newobj of a command line with arguments": coded(Named("argparse.Namespace")) + b"N\x85\x81",
    "newobj of no name": b"X\x04\0\0\0evil)\x81",
    "reduce of a command line": Call("argparse.Namespace", {"a": 1}),
    "build on a command line's class": coded(Named("argparse.Namespace")) + coded({"__init__": 1}) + b"b",
    "newobj with names": coded(Named("collections.OrderedDict")) + b")}\x92",
    "ext1": b"\x82\x01",
    "ext2": b"\x83\x01\x00",
    "ext4": b"\x84\x01\x00\x00\x00",
    "reduce of text": b"X\x04\0\0\0evil)R",
    "reduce without a tuple": coded(Named("collections.OrderedDict")) + b"]R",
    "reduce of a storage": Call("torch.FloatStorage", 10**12),
    "reduce of a type": Call("torch.float32", 1),
    "pairs that are none": Call("collections.OrderedDict", [[1, 2, 3]]),
    "pairs of a number": Call("collections.OrderedDict", 3),
    "a parameter of nothing": Call("torch.nn.parameter.Parameter", 10**12),
    "negated tensor": Call("torch._utils._rebuild_tensor_v2", Persistent(storage_of("0", np.zeros(4, "f4"))),
                           0, (4,), (1,), False, None, {"neg": True}),
    "identity of text": Persistent("storage"),
    "identity in text": b"P0\n",
    "identity of nothing": Persistent(()),
    "identity nested": Persistent((("storage",), ("storage",), "0", "cpu", 4)),
    "identity of a module": Persistent(("module", Named("torch.FloatStorage"), "file", "source")),
    "identity of another type": Persistent(("storage", "torch.FloatStorage", "0", "cpu", 4)),
    "identity of a dtype": Persistent(("storage", Named("torch.float32"), "0", "cpu", 4)),
    "identity of a view": Persistent((*storage_of("0", np.zeros(4, "f4")), ("1", 0, 2**40))),
    "identity too deep": b"(" + b"X\x07\0\0\0storage" + DEEP + b"tQ",
    "deep": DEEP,
    "deep key": b"}" + DEEP + b"Ns",
    "doubled key": b"}" + DOUBLED + b"Ns",
    "key of a tensor": {storage_of("0", np.zeros(4, "f4")): 1},
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
    "one list, many dicts": b"(" + coded([[str(index), None] for index in range(1000)]) + b"q\x00"
    + coded(Named("collections.OrderedDict")) + b"q\x01" + b"h\x01h\x00\x85R" * 10**4 + b"t",
}  # fmt: skip


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("write", [write_archive, write_legacy], ids=["alone", "inside"])
def test_a_hostile_pickle_does_nothing(tmp_path, monkeypatch, write, hostile):
    monkeypatch.chdir(tmp_path)
    code = coded(HOSTILE[hostile])
    if write is write_archive:
        write(tmp_path / "w.pth", code, {})
    else:
        root, storages = one_tensor(legacy=True)
        write(tmp_path / "w.pth", {**root, "x": code}, storages)
    within(50e6, lambda: refusal(tmp_path / "w.pth"))
    assert not (tmp_path / "canary").exists()


def test_a_pickle_has_an_end(tmp_path, monkeypatch):
    root, storages = one_tensor()
    write_archive(tmp_path / "w.pth", root, storages)
    monkeypatch.setattr(pickle_program, "MOST_INSTRUCTIONS", 20)
    assert "more than 20 pickle instructions" in refusal(tmp_path / "w.pth")
    monkeypatch.setattr(torch_file, "LONGEST_PICKLE", 100)
    assert "data.pkl is longer than 100 bytes" in refusal(tmp_path / "w.pth")
    write_legacy(tmp_path / "w.pth", *one_tensor(legacy=True))
    assert "not readable as a PyTorch file" in refusal(tmp_path / "w.pth")


def _whole(kind):
    if kind == "safetensors":
        return safetensors.numpy.save({"a": np.ones((3, 4), "float32"), "b": np.arange(3)})
    if kind == "npz":
        np.savez(file := io.BytesIO(), a=np.ones((3, 4), "float32"), b=np.arange(3))
        return file.getvalue()
    return of_torch(ARCHIVE if kind == "archive" else LEGACY)


def _sound_or_refused(path, content):
    path.write_bytes(content)
    state, message = within(2e6, lambda: _read_or_refused(path))
    assert len(message.splitlines()) == (not state)
    assert all(type(name) is str and isinstance(array, np.ndarray) for name, array in state.items())
    assert sum(array.nbytes for array in state.values()) <= 8 * len(content)


def _read_or_refused(path):
    try:
        return read_state(path), ""
    except UserError as error:
        return {}, str(error)


all_kinds = pytest.mark.parametrize("kind", ["archive", "legacy", "safetensors", "npz"])


@all_kinds
def test_cut_off_anywhere(tmp_path, kind):
    whole = _whole(kind)
    for length in {*range(0, len(whole), 97), len(whole) - 1}:
        (tmp_path / f"w.{kind}").write_bytes(whole[:length])
        refusal(tmp_path / f"w.{kind}")


@all_kinds
def test_altered_bits(tmp_path, kind):
    draw = random.Random(0)
    whole = _whole(kind)
    for _ in range(200):
        altered = bytearray(whole)
        altered[draw.randrange(len(whole))] ^= 1 << draw.randrange(8)
        _sound_or_refused(tmp_path / f"w.{kind}", bytes(altered))
