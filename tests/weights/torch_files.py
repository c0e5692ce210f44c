"""Weight files as torch.save writes them, and as it never would; and two that it wrote."""

import argparse
import base64
import pickle
import struct
import zipfile
import zlib

import numpy as np
import pytest

from kerasnets.errors import UserError
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


def of_torch(text):
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
    """What is named by a persistent id, as storages are."""

    def __init__(self, identity):
        self.identity = identity


def coded(value):
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
            return b"(" + b"".join(map(coded, value)) + b"t"
        case list():
            return b"](" + b"".join(map(coded, value)) + b"e"
        case dict():
            return b"}(" + b"".join(coded(key) + coded(each) for key, each in value.items()) + b"u"
        case Call():
            built = b"" if value.state is None else coded(value.state) + b"b"
            return coded(Named(value.name)) + coded(value.arguments) + b"R" + built
        case Named():
            return b"c" + "\n".join([*value.name.rsplit(".", 1), ""]).encode()
        case Persistent():
            return coded(value.identity) + b"Q"


def _pickled(value):
    return b"\x80\x02" + coded(value) + b"."


def write_archive(path, root, storages, order="little", **options):
    """Write a file as torch.save does since 1.6."""
    with zipfile.ZipFile(path, "w", **options) as archive:
        archive.writestr("made/data.pkl", _pickled(root))
        archive.writestr("made/version", "3\n")
        archive.writestr("made/byteorder", order)
        for key, array in storages.items():
            archive.writestr(f"made/data/{key}", array.tobytes())


def write_legacy(path, root, storages):
    """Write a file as torch.save did before 1.6."""
    heads = (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}, root, list(storages))
    bodies = [struct.pack("<q", array.size) + array.tobytes() for array in storages.values()]
    path.write_bytes(b"".join([*map(_pickled, heads), *bodies]))


KINDS = {"float64": "Double", "float32": "Float", "float16": "Half", "uint16": "BFloat16", "int64": "Long",
         "int32": "Int", "int16": "Short", "int8": "Char", "uint8": "Byte", "bool": "Bool"}  # fmt: skip


def storage_of(key, array, kind=None, length=None):
    """Return the persistent id of an array's storage."""
    identity = ("storage", Named(f"torch.{kind or KINDS[array.dtype.name]}Storage"), key, "cuda:0")
    return (*identity, array.size if length is None else length)


def tensor_of(storage, offset, size, stride, legacy=False):
    """Return the call that makes a tensor, a view of a storage."""
    identity = Persistent((*storage, None) if legacy else storage)
    hooks = Call("collections.OrderedDict")
    return Call("torch._utils._rebuild_tensor_v2", identity, offset, size, stride, False, hooks)


def one_tensor(legacy=False, name="w"):
    """A state dict of one tensor, 0 1 2 3, and its storages."""
    array = np.arange(4, dtype="float32")
    return {name: tensor_of(storage_of("0", array), 0, (4,), (1,), legacy)}, {"0": array}


def save(path, saved):
    """Write what torch.save would: dicts within dicts, arrays for tensors; what is there twice, once."""
    dicts, keys, storages = [], {}, {}

    def written(value):
        if isinstance(value, dict):
            if any(value is each for each in dicts):
                return b"h" + bytes([[id(each) for each in dicts].index(id(value))])  # gets it from the memo
            dicts.append(value)
            kept = b"q" + bytes([len(dicts) - 1])
            return coded({name: written(each) for name, each in value.items()}) + kept
        if not isinstance(value, np.ndarray):
            return value
        key = keys.setdefault(id(value), str(len(keys)))
        storages[key] = value
        strides = np.empty(value.shape, "int8").strides
        return tensor_of(storage_of(key, value), 0, value.shape, strides)

    write_archive(path, written(saved), storages)


def refusal(path):
    """Return the one line that a weight file is refused with."""
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

both_formats = pytest.mark.parametrize("write", [write_archive, write_legacy])
