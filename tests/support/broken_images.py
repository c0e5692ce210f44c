"""Kinds of broken and odd input, made from real photos.

`python tests/support/broken_images.py DIR` writes them.

The photos are crops of the two that come with scikit-learn, so they are there wherever the tests run.
"""

import io
import os
import socket
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_images

GOOD = 60
"""Good photos of either class for training; a fifth as many for validation."""


def photos(subject):
    """Yield ever different 160x120 crops of a photo: 0 is a temple in China, 1 a flower."""
    whole = Image.fromarray(load_sample_images().images[subject])
    draws = np.random.default_rng(subject)
    while True:
        height = int(draws.integers(90, 300))
        width = height * 4 // 3
        left, top = draws.integers(0, whole.width - width), draws.integers(0, whole.height - height)
        crop = whole.crop((left, top, left + width, top + height))
        yield crop.rotate(int(draws.integers(-20, 20)), Image.Resampling.BICUBIC).resize((160, 120))


def encoded(image, format="JPEG", **options):
    """Return an image's bytes in a format of Pillow's."""
    buffer = io.BytesIO()
    image.save(buffer, format, **({"quality": 90} if format == "JPEG" else {}) | options)
    return buffer.getvalue()


def png(image):
    return encoded(image, "PNG")


def palette(image):
    return image.quantize(64)


def exif(orientation):
    data = Image.Exif()
    data[0x0112] = orientation
    return data


def without_segment(jpeg, marker):
    """Return a JPEG without its segments of one marker."""
    start = jpeg.find(bytes([0xFF, marker]))
    while start >= 0:
        jpeg = jpeg[:start] + jpeg[start + 2 + int.from_bytes(jpeg[start + 2 : start + 4], "big") :]
        start = jpeg.find(bytes([0xFF, marker]))
    return jpeg


def with_size(jpeg, height, width):
    """Return a JPEG that declares another size."""
    frame = jpeg.find(b"\xff\xc0")
    return jpeg[: frame + 5] + struct.pack(">HH", height, width) + jpeg[frame + 9 :]


def png_of(width, height, data=b"", bits=8, colour=2):
    """Return a PNG that declares a size, with the compressed `data` given."""
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)),
        (b"IDAT", data),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in chunks)


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def without_chunk(contents, name):
    """Return a PNG without its first chunk of a name."""
    start = contents.find(name) - 4
    return contents[:start] + contents[start + 12 + int.from_bytes(contents[start : start + 4], "big") :]


def changed(contents, place, data):
    """Return `contents` with `data` written over it at `place`, a fraction of its length."""
    start = int(place * len(contents)) if isinstance(place, float) else place
    return contents[:start] + data + contents[start + len(data) :]


def sixteen_bit(image):
    """Return an RGB PNG of 16 bits a channel."""
    pixels = np.asarray(image).astype(">u2") * 257
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    return png_of(image.width, image.height, zlib.compress(rows), bits=16)


def faded(image):
    """Return the image with transparency that grows from left to right."""
    image = image.copy()
    image.putalpha(Image.linear_gradient("L").rotate(90).resize(image.size))
    return image


def animated(image, format):
    return encoded(image, format, save_all=True, append_images=[image.rotate(90), image.rotate(180)])


def many_frames(image):
    """Return a GIF of a few kilobytes that unpacks to more pixels than any photo."""
    one = encoded(Image.new("P", (4000, 3000)), "GIF")
    header = 13 + (3 << (one[10] & 7) + 1)
    return one[:header] + 9 * one[header:-1] + one[-1:]


def bmp_of(width, height):
    return b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)


FILES = {
    "empty.jpg": ("empty_file", lambda image: b""),
    "half.webp": ("truncated", lambda image: encoded(image, "WEBP")[:1500]),
    "half.tif": ("corrupt", lambda image: encoded(image, "TIFF", compression="tiff_lzw")[:9000]),
    "half.avif": ("corrupt", lambda image: encoded(image, "AVIF")[:1500]),
    "half.jp2": ("corrupt", lambda image: encoded(image, "JPEG2000")[:9000]),
    "bad_data.webp": ("corrupt", lambda image: changed(encoded(image, "WEBP"), 20, bytes(10))),
    "floats.tif": ("unsupported_format", lambda image: encoded(image.convert("F"), "TIFF")),
    "unscaled.png": (
        "unscaled_sixteen_bit",
        lambda image: png(Image.fromarray(np.array(image.convert("L"), "uint16") * 16)),
    ),
    "one_byte.jpg": ("unsupported_format", lambda image: b"\xff"),
    "header_only.jpg": ("truncated", lambda image: encoded(image)[:30]),
    "half.jpg": ("truncated", lambda image: encoded(image)[:2500]),
    "half_progressive.jpg": ("truncated", lambda image: encoded(image, progressive=True)[:2500]),
    "without_end.jpg": ("truncated", lambda image: encoded(image)[:-2]),
    "zeros_from_half.jpg": ("truncated", lambda image: encoded(image)[:2500] + bytes(2500)),
    "half.png": ("truncated", lambda image: png(image)[:9000]),
    "header_only.png": ("truncated", lambda image: png(image)[:20]),
    "without_end.png": ("truncated", lambda image: without_chunk(png(image), b"IEND")),
    "half.gif": ("truncated", lambda image: encoded(palette(image), "GIF")[:5000]),
    "half.bmp": ("truncated", lambda image: encoded(image, "BMP")[:20000]),
    "missing_data.jpg": ("damaged", lambda image: encoded(image)[:-80] + b"\xff\xd9"),
    "inserted_data.jpg": ("damaged", lambda image: encoded(image)[:-2] + b"\x5a" * 200 + b"\xff\xd9"),
    "restart_lost.jpg": (
        "damaged", lambda image: encoded(image, restart_marker_blocks=4).replace(b"\xff\xd3", b"\x5a\x5a", 1)
    ),
    "two_frames.jpg": (
        "corrupt", lambda image: encoded(image).replace(b"\xff\xda", encoded(image)[158:177] + b"\xff\xda", 1)
    ),
    "without_tables.jpg": ("corrupt", lambda image: without_segment(encoded(image), 0xDB)),
    "without_frame.jpg": ("corrupt", lambda image: without_segment(encoded(image), 0xC0)),
    "no_pixels.jpg": ("corrupt", lambda image: with_size(encoded(image), 0, 0)),
    "bad_checksum.png": ("corrupt", lambda image: changed(png(image), 0.5, b"\0\1\2\3")),
    "bad_header.png": ("corrupt", lambda image: changed(png(image), 30, b"\0")),
    "bad_data.png": ("corrupt", lambda image: png_of(160, 120, b"not compressed at all")),
    "too_little_data.png": ("corrupt", lambda image: png_of(160, 120, zlib.compress(bytes(100)))),
    "without_palette.png": ("corrupt", lambda image: without_chunk(png(palette(image)), b"PLTE")),
    "bad_data.gif": ("corrupt", lambda image: changed(encoded(palette(image), "GIF"), 0.5, bytes(400))),
    "page_not_found.jpg": ("unsupported_format", lambda image: b"<!DOCTYPE html><html>404 Not Found</html>"),
    "drawing.svg": ("unsupported_format", lambda image: b'<?xml version="1.0"?><svg width="9"></svg>'),
    "text.png": ("unsupported_format", lambda image: b"image to follow\n"),
    "webp_as.jpg": ("wrong_extension", lambda image: encoded(image, "WEBP")),
    "photo.webp": ("odd_format", lambda image: encoded(image, "WEBP")),
    "photo.tif": ("odd_format", lambda image: encoded(image, "TIFF")),
    "photo.avif": ("odd_format", lambda image: encoded(image, "AVIF")),
    "photo.heic": ("corrupt", lambda image: b"\0\0\0\x18ftypheic" + bytes(500)),
    "photo.jp2": ("odd_format", lambda image: encoded(image, "JPEG2000")),
    "photo.ico": ("unsupported_format", lambda image: encoded(image, "ICO")),
    "document.jpg": ("unsupported_format", lambda image: encoded(image, "PDF")),
    "archive.jpg": ("unsupported_format", lambda image: b"PK\x03\x04" + bytes(100)),
    "film.jpg": ("unsupported_format", lambda image: b"\0\0\0\x18ftypisom" + bytes(100)),
    "png_as.jpg": ("wrong_extension", png),
    "jpeg_as.png": ("wrong_extension", encoded),
    "gif_as.jpg": ("wrong_extension", lambda image: encoded(palette(image), "GIF")),
    "bmp_as.jpg": ("wrong_extension", lambda image: encoded(image, "BMP")),
    "rare.bmp": ("odd_format", lambda image: encoded(image, "BMP")),
    "animated.gif": ("animated", lambda image: animated(image.convert("P"), "GIF")),
    "animated.png": ("animated", lambda image: animated(image, "PNG")),
    "cmyk.jpg": ("cmyk", lambda image: encoded(image.convert("CMYK"))),
    "cmyk_plain.jpg": ("cmyk", lambda image: without_segment(encoded(image.convert("CMYK")), 0xEE)),
    "grey_of_sixteen_bits.png": (
        "sixteen_bit", lambda image: png(Image.fromarray(np.array(image.convert("L"), "uint16") * 257))
    ),
    "sixteen_bits.png": ("sixteen_bit", sixteen_bit),
    "palette.png": ("palette", lambda image: png(palette(image))),
    "palette.gif": ("palette", lambda image: encoded(palette(image), "GIF")),
    "palette.bmp": ("palette", lambda image: encoded(palette(image), "BMP")),
    "alpha.png": ("alpha", lambda image: png(faded(image))),
    "grey_alpha.png": ("alpha", lambda image: png(faded(image).convert("LA"))),
    "transparent_index.png": ("alpha", lambda image: encoded(palette(image), "PNG", transparency=3)),
    "transparent_index.gif": ("alpha", lambda image: encoded(palette(image), "GIF", transparency=3)),
    "upside_down.jpg": ("exif_orientation", lambda image: encoded(image, exif=exif(3))),
    "on_its_side.jpg": ("exif_orientation", lambda image: encoded(image, exif=exif(6))),
    "mirrored.jpg": ("exif_orientation", lambda image: encoded(image, exif=exif(5))),
    "turned.png": ("exif_orientation", lambda image: encoded(image, "PNG", exif=exif(8))),
    "grey.jpg": ("grey_among_colour", lambda image: encoded(image.convert("L"))),
    "grey_in_colour.jpg": ("grey_among_colour", lambda image: encoded(image.convert("L").convert("RGB"))),
    "blank.jpg": ("blank", lambda image: encoded(Image.new("RGB", (160, 120), (90, 120, 30)))),
    "tiny.jpg": ("tiny", lambda image: encoded(image.resize((16, 12)))),
    "one_pixel.png": ("tiny", lambda image: png(image.resize((1, 1)))),
    "ribbon.jpg": ("extreme_aspect", lambda image: encoded(image.resize((800, 40)))),
    "bomb.png": ("bomb", lambda image: png_of(60000, 60000, zlib.compress(bytes(10000)))),
    "bomb.jpg": ("bomb", lambda image: with_size(encoded(image), 65000, 65000)),
    "bomb.bmp": ("bomb", lambda image: bmp_of(30000, -30000)),
    "bomb.gif": ("bomb", many_frames),
    " space_before.jpg": ("odd_name", encoded),
    "space_after.jpg ": ("odd_name", encoded),
    "space_after .jpg": ("odd_name", encoded),
    "new\nline.jpg": ("odd_name", encoded),
    "escape\x1b[31m.jpg": ("odd_name", encoded),
    "right_to_left\u202e.jpg": ("odd_name", encoded),
    "not_utf8_\udcff\udcfe.jpg": ("odd_name", encoded),
    "Thumbs.db": ("hidden", encoded),
    "._fork.jpg": ("hidden", lambda image: b"\0\x05\x16\x07" + bytes(100)),
    ".hidden.jpg": ("hidden", encoded),
    "notes.txt": ("other_file", lambda image: b"hello"),
}  # fmt: skip
"""File name to the kind of finding it must become, and how to make its bytes from a photo."""


def sparse(path):
    """A file of 4 GiB that takes no room on the disk and begins as a JPEG does."""
    path.write_bytes(b"\xff\xd8\xff\xe0")
    os.truncate(path, 4 * 2**30)


def named_socket(path):
    here = os.getcwd()
    os.chdir(path.parent)  # a socket's path is short
    try:
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(path.name)
    finally:
        os.chdir(here)


ENTRIES = {
    "sparse.jpg": ("bomb", sparse),
    "folder.jpg": ("unreadable", Path.mkdir),
    "fifo.jpg": ("unreadable", os.mkfifo),
    "socket.jpg": ("unreadable", named_socket),
    "device.jpg": ("unreadable", lambda path: path.symlink_to("/dev/zero")),
    "nowhere.jpg": ("broken_link", lambda path: path.symlink_to("gone.jpg")),
    "itself.jpg": ("symlink_loop", lambda path: path.symlink_to(path.name)),
    "upwards": ("symlink_loop", lambda path: path.symlink_to("..")),
    "nested": ("other_folder", Path.mkdir),
}
"""Name to the kind of finding, and how to make what is no ordinary file."""


def write_broken(root):
    """Write a folder of good photos, train and val, and of everything broken and odd among them.

    Args:
        root: a folder that is not there yet.

    Returns:
        The set of the good files' paths, and a list of (path, kind) that an audit must find.
    """
    sources = {"china": photos(0), "flower": photos(1)}
    good, expected = set(), []
    for split, count in (("train", GOOD), ("val", GOOD // 5)):
        for name, source in sources.items():
            for number in range(count):
                good.add(_write(root / split / name / f"{number:03}.jpg", encoded(next(source))))
    place = root / "train" / "china"
    for name, (kind, make) in FILES.items():
        expected.append((_write(place / name, make(next(sources["china"]))), kind))
    for name, (kind, make) in ENTRIES.items():
        make(place / name)
        expected.append((str(place / name), kind))
    if os.geteuid():  # root may read everything
        locked = _write(place / "locked.jpg", encoded(next(sources["china"])))
        os.chmod(locked, 0)
        expected.append((locked, "unreadable"))
    expected += _write_copies(root) + _write_classes(root, sources["flower"])
    good |= {str(path) for path in (root / "train" / "never_measured").iterdir()}
    return good, expected


def _write(path, contents):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(contents)
    return str(path)


def _write_copies(root):
    """Write copies of good photos: exact ones, recompressed ones, and one in another class."""
    train, val = root / "train", root / "val"
    first, second, third = ((train / "china" / f"{number:03}.jpg").read_bytes() for number in range(3))
    measured = (val / "flower" / "000.jpg").read_bytes()
    again = encoded(Image.open(io.BytesIO(second)), quality=70)
    half = encoded(Image.open(io.BytesIO(third)).resize((120, 90)))
    return [
        (_write(train / "china" / "copy.jpg", first), "duplicate"),
        (_write(train / "china" / "recompressed.jpg", again), "near_duplicate"),
        (_write(train / "china" / "smaller.jpg", half), "near_duplicate"),
        (_write(train / "flower" / "also_in_val.jpg", measured), "duplicate_across_splits"),
        *((_write(train / name / "in_both.jpg", png(Image.open(io.BytesIO(measured)).rotate(180))),
           "conflicting_labels") for name in ("china", "flower")),
    ]  # fmt: skip


def _write_classes(root, source):
    """Write classes with too few images, and what lies where no class is; ("", kind) is about a class."""
    train, val = root / "train", root / "val"
    (train / "empty").mkdir()
    _write(train / "single" / "000.jpg", encoded(next(source)))
    for number in range(3):
        _write(train / "never_measured" / f"{number:03}.jpg", encoded(next(source)))
    _write(val / "unseen" / "000.jpg", encoded(next(source)))
    (train / "loop").symlink_to("..")
    return [
        (str(train / "empty"), "empty_class"),
        ("", "one_image_class"), ("", "class_missing_from_split"), ("", "unknown_class"), ("", "imbalance"),
        (str(train / "loop"), "symlink_loop"),
        (_write(train / "stray.jpg", encoded(next(source))), "file_without_label"),
        (str(Path(_write(root / "extra" / "000.jpg", encoded(next(source)))).parent), "other_folder"),
        (_write(root / "README.txt", b"hello"), "other_file"),
    ]  # fmt: skip


if __name__ == "__main__":
    found = write_broken(Path(sys.argv[1]))[1]
    print(f"{len(found)} broken or odd entries of {len({kind for _, kind in found})} kinds in {sys.argv[1]}")
