"""What an exported model reads of image files, against what training reads of them."""

import re
import struct

import numpy as np
import pytest
import tensorflow as tf
from broken_images import FILES, chunk, encoded, photos, png_of
from image_files import SIDE, photo, png_file, readable
from sweep import sweep

from kerasnets.data.images.formats import sniff
from kerasnets.data.images.graph_header import graph_format, graph_header
from kerasnets.data.images.graph_image import graph_image
from kerasnets.data.images.headers import HeaderError, read_header
from kerasnets.data.images.image_file import ImageRefusedError, ImageRules, read_image
from kerasnets.data.images.planted_files import planted_files

ONE_FILE = [tf.TensorSpec([], tf.string)]
POLICIES = {
    "fix": {},
    "keep": dict.fromkeys(("alpha", "exif_orientation", "unscaled_sixteen_bit", "damaged"), "keep"),
    "error": dict.fromkeys(
        ("animated", "cmyk", "sixteen_bit", "palette", "alpha", "exif_orientation"), "error"
    ),
}


@pytest.fixture(scope="module")
def files():
    """Files of every kind, right and broken ones, by name."""
    twelve_bits = np.asarray(photo().convert("L")).astype("uint16") * 16 + 5
    broken = next(photos(0))
    return {
        **{name: file.contents for name, file in readable().items()},
        **{name: make(broken) for name, (_, make) in FILES.items()},
        **planted_files(),
        "twelve_bits.png": png_file(twelve_bits.astype(">u2"), 16, 0),
    }


def _saved_and_reloaded(rules, folder):
    module = tf.Module()
    module.pixels = tf.function(lambda contents: graph_image(contents, rules), input_signature=ONE_FILE)
    tf.saved_model.save(module, str(folder))
    return tf.saved_model.load(str(folder)).pixels


@pytest.mark.parametrize("channels", sweep([1, 3], quick=[3]))
@pytest.mark.parametrize("kept", sweep(POLICIES, quick=["fix"]))
def test_a_saved_model_reads_what_training_reads(files, channels, kept, tmp_path):
    rules = ImageRules(channels, POLICIES[kept], significant_bits=12 if kept == "keep" else 16)
    pixels, counts = _saved_and_reloaded(rules, tmp_path), {"read": 0, "refused": 0}
    for name, contents in files.items():
        refusal, right = None, None
        try:
            right = read_image(contents, rules)
        except ImageRefusedError as error:
            refusal = error
        if sniff(contents) not in ("JPEG", "PNG"):
            refusal = f"{sniff(contents)}, allowed: JPEG, PNG"
        elif refusal and refusal.kind == "damaged":
            continue  # TensorFlow's decoder does not tell
        image, problem = pixels(contents)
        if refusal:
            found = problem.numpy().decode()
            assert found, name
            if isinstance(refusal, str):
                assert found == refusal, name
            counts["refused"] += 1
        else:
            assert problem == b"", name
            np.testing.assert_array_equal(image, right, name)
            counts["read"] += 1
    assert counts["read"] >= 20, counts
    assert counts["refused"] >= 40, counts


def test_what_declares_too_many_pixels_is_refused_by_its_header(tmp_path):
    pixels = _saved_and_reloaded(ImageRules(3, max_pixels=SIDE * SIDE), tmp_path)
    assert pixels(encoded(photo()))[0].shape == (SIDE, SIDE, 3)
    larger = photo().resize((SIDE + 1, SIDE))
    for contents in (encoded(larger), encoded(larger, "PNG"), png_of(2**32 - 1, 2**32 - 1)):
        assert re.fullmatch(r"\d+ pixels, allowed: 625", pixels(contents)[1].numpy().decode())


@tf.function(input_signature=ONE_FILE)
def _header(contents):
    return graph_header(contents, graph_format(contents))


def test_headers_are_read_as_python_reads_them(files):
    names = tf.function(graph_format, input_signature=ONE_FILE)
    draws = np.random.default_rng(0)
    started = [files["exif_6.jpg"], files["exif_5.png"], files["transparent_palette.png"], files["cmyk.jpg"]]
    altered = []
    for number in range(400):
        contents = bytearray(started[number % len(started)][: int(draws.integers(1, 400))])
        for place in draws.integers(0, len(contents), number % 3):
            contents[place] = draws.integers(0, 256)
        altered.append(bytes(contents))
    for contents in [*files.values(), *altered]:
        format = sniff(contents)
        assert names(contents).numpy().decode() == format
        if format in ("JPEG", "PNG"):
            found = {name: value.numpy() for name, value in _header(contents)._asdict().items()}
            problem = found.pop("problem").decode()
            if not problem:
                header = read_header(contents, format)
                assert found == {name: getattr(header, name) for name in found}, contents[:80]
            else:
                with pytest.raises(HeaderError, match=f"^{problem}$"):
                    read_header(contents, format)


def _exif(order, orientation):
    """Return EXIF data of two entries, an image width and an orientation (Exif 2.32, section 4.5.2)."""
    entries = struct.pack(order + "HHII", 0x0100, 4, 1, 7) + struct.pack(
        order + "HHIHH", 0x0112, 3, 1, orientation, 0
    )
    start = {"<": b"II", ">": b"MM"}[order] + struct.pack(order + "HIH", 42, 8, 2)
    return b"Exif\0\0" + start + entries + struct.pack(order + "I", 0)


@pytest.mark.parametrize("order", ["<", ">"])
def test_orientations_are_found_in_either_byte_order(order):
    for orientation in range(10):
        data = _exif(order, orientation)
        for contents in (encoded(photo(), exif=data), encoded(photo(), "PNG", exif=data)):
            assert _header(contents).orientation == (orientation if 1 <= orientation <= 8 else 1)


def test_a_small_file_of_endless_parts_is_refused():
    segments = b"\xff\xd8" + b"\xff\xe2\0\x02" * 5000
    chunks = png_of(9, 9)[:33] + chunk(b"none", b"") * 70_000
    assert _header(segments).problem == b"has too many segments"
    assert _header(chunks).problem == b"has too many chunks"
