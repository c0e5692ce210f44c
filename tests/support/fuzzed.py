"""Requests that no client should send, drawn from a seed."""

import base64
import io
import json
import struct
import zlib

import numpy as np
from PIL import Image


def png_that_declares(width, height):
    """Return a PNG of a few bytes that declares many pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 100)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


def jpeg_that_declares(width, height):
    """Return a JPEG whose frame header says that it is larger than it is."""
    contents = bytearray(jpeg())
    place = contents.index(b"\xff\xc0")
    contents[place + 5 : place + 9] = struct.pack(">HH", height, width)
    return bytes(contents)


def jpeg():
    """Return a small grey JPEG."""
    file = io.BytesIO()
    Image.fromarray(np.arange(400, dtype="uint8").reshape(20, 20)).save(file, "JPEG")
    return file.getvalue()


def v1(contents):
    """Return the body that asks TensorFlow Serving's protocol about a file."""
    instances = [{"b64": base64.b64encode(contents).decode()}]
    return json.dumps({"signature_name": "serve_bytes", "instances": instances}).encode()


def v2(contents):
    """Return the body that asks the Open Inference Protocol about a file."""
    table = {
        "name": "contents",
        "datatype": "BYTES",
        "shape": [1],
        "data": [base64.b64encode(contents).decode()],
    }
    return json.dumps({"inputs": [table]}).encode()


def _random_bytes(generator):
    return generator.bytes(generator.integers(0, 5000))


def _flipped(generator, contents):
    """Return bytes of which a few are others."""
    changed = bytearray(contents)
    for _ in range(generator.integers(1, 8)):
        changed[generator.integers(len(changed))] = generator.integers(256)
    return bytes(changed)


def _cut(generator, contents):
    return contents[: generator.integers(len(contents))]


def _bomb(generator):
    width, height = (int(each) for each in generator.integers(7000, 65500, 2))
    return [png_that_declares, jpeg_that_declares][generator.integers(2)](width, height)


def _thin(generator):
    sides = [1, int(generator.integers(1, 60_000))]
    return png_that_declares(*generator.permutation(sides).tolist())


def _odd_json(generator):
    """Return JSON of the right keys with values that are not."""
    odd = [
        None, True, -1, 1e308, 10**40, "x" * 1000, [], {}, [[]], [[[[[1]]]]], {"b64": 3}, {"b64": "?"},
        [1, "a"], [[1], [2, 3]], [{}],
        [{"images": 1}], {"images": None}, "\ud800", [None] * 100, [[0] * 300] * 300,
    ]  # fmt: skip
    names = ["serving_default", "serve_uint8", "serve_bytes", "", "no", 7]
    keys = ["instances", "inputs", "outputs", "id", "context"]
    value = {keys[generator.integers(len(keys))]: odd[generator.integers(len(odd))] for _ in range(2)}
    value["signature_name"] = names[generator.integers(len(names))]
    return json.dumps(value).encode()


def _deep(generator):
    depth = int(generator.integers(10, 200_000))
    start = b'{"a":' if generator.integers(2) else b"["
    return b'{"instances": ' + start * depth


def _many(generator):
    """Return bodies that grow when they are read."""
    part = [b"[],", b"{},", b"0,", b"0.1,", b'"",', b"[[1]],"][generator.integers(6)]
    return b'{"instances": [' + part * int(generator.integers(1, 200_000)) + b"1]}"


def _large_shape(generator):
    table = {"name": "images", "datatype": "UINT8", "data": [0] * 64}
    table["shape"] = [int(each) for each in 2.0 ** generator.integers(0, 62, 4)]
    return json.dumps({"inputs": [table]}).encode()


BODIES = (
    _random_bytes,
    lambda g: _cut(g, v1(jpeg())),
    lambda g: _flipped(g, v1(jpeg())),
    lambda g: v1(_cut(g, jpeg())),
    lambda g: v2(_flipped(g, jpeg())),
    lambda g: v1(_bomb(g)),
    lambda g: v2(_bomb(g)),
    lambda g: v2(_thin(g)),
    lambda g: v1(_random_bytes(g)),
    lambda g: v2(b"\xff\xd8\xff" + _random_bytes(g)),
    lambda g: v1(b"\x89PNG\r\n\x1a\n" + _random_bytes(g)),
    _odd_json,
    _deep,
    _many,
    _large_shape,
)

PATHS = ("/v1/models/model:predict", "/v2/models/model/infer", "/look", "/where?class=1")


def fuzzed_request(number):
    """Return path and body of the request of a number."""
    generator = np.random.default_rng(number)
    body = BODIES[number % len(BODIES)](generator)
    if number % 7 == 0:  # files to where files are taken
        return PATHS[2 + number % 2], _flipped(generator, jpeg()) if number % 3 else _bomb(generator)
    return PATHS[generator.integers(len(PATHS))], body


def fuzzed_bytes(number):
    """Return what is sent down a connection in place of a request of HTTP."""
    generator = np.random.default_rng(number)
    good = b"POST /v1/models/model:predict HTTP/1.1\r\nHost: localhost\r\n"
    ends = [
        b"Content-Length: -5\r\n\r\n", b"Content-Length: 99999999999999999999\r\n\r\n",
        b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFF\r\n", b"Transfer-Encoding: gzip\r\n\r\n",
        b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc", b"X: " + b"y" * 200_000,
        b"\0\0: 1\r\n\r\n", b"Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        b"Content-Length: 4\r\nConnection: close\r\n\r\n{}{}",
    ]  # fmt: skip
    if number % 4 == 0:
        return _random_bytes(generator) + b"\r\n\r\n"
    return good + ends[generator.integers(len(ends))]
