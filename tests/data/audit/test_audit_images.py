"""What the audit says of an image is so: against TensorFlow, Pillow and plain searches."""

import io
import itertools
import random
import struct

import numpy as np
import pytest
import tensorflow as tf
from broken_images import FILES, encoded, exif, palette, photos, png, with_size
from PIL import Image

from kerasnets.catalog.audit_kinds import KINDS
from kerasnets.data.audit.audit_dataset import audit
from kerasnets.data.audit.image_checks import InspectionSettings, inspect
from kerasnets.data.audit.near_duplicates import similar
from kerasnets.data.audit.perceptual_hash import image_hash
from kerasnets.data.dataset import Dataset, Split
from kerasnets.data.images.conversion import converted_pixels
from kerasnets.data.images.decoding import decode
from kerasnets.data.images.encoded import EncodedImages
from kerasnets.data.images.exif import exif_orientation
from kerasnets.data.images.formats import odd_name
from kerasnets.errors import printable

UNUSABLE = {"truncated", "corrupt", "unsupported_format", "bomb", "empty_file"}


@pytest.fixture(scope="module")
def photo():
    return next(photos(0))


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def _decoded(contents, channels=3):
    try:
        return decode(contents, channels).numpy()
    except tf.errors.OpError:
        return None


def _spoilt(contents, draws):
    """Return `contents` with a few bits turned, bytes changed, lost or put in, or its end cut off."""
    spoilt = bytearray(contents)
    for _ in range(draws.choice([1, 1, 3])):
        place = draws.randrange(len(spoilt) if draws.random() < 0.6 else min(700, len(spoilt)))
        how = draws.randrange(5)
        if how == 0:
            spoilt[place] ^= 1 << draws.randrange(8)
        elif how == 1:
            spoilt[place] = draws.choice([0, 255, draws.randrange(256)])
        elif how == 2:
            del spoilt[place : place + draws.randrange(1, 30)]
        elif how == 3:
            spoilt[place:place] = draws.randbytes(20)
        else:
            spoilt = spoilt[: place + 1]
    return bytes(spoilt)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    "make",
    [
        encoded,
        lambda image: encoded(image, progressive=True),
        lambda image: encoded(image, restart_marker_blocks=3),
        lambda image: encoded(image.convert("CMYK")),
        png,
        lambda image: encoded(palette(image), "GIF"),
        lambda image: encoded(image, "BMP"),
        lambda image: encoded(image, "WEBP"),
        lambda image: encoded(image, "TIFF", compression="tiff_lzw"),
        lambda image: encoded(image, "AVIF"),
    ],
    ids=["jpeg", "progressive", "restarts", "cmyk", "png", "gif", "bmp", "webp", "tiff", "avif"],
)
def test_what_it_accepts_can_be_decoded_and_the_rest_tensorflow_refuses(photo, make, channels):
    contents, draws = make(photo), random.Random(channels)
    accepted = 0
    for _ in range(60):
        spoilt = _spoilt(contents, draws)
        found = inspect(spoilt, None, InspectionSettings(channels, 10**6))
        if "bomb" in found.problems:
            continue
        if UNUSABLE & set(found.problems):
            assert found.format not in ("JPEG", "PNG") or _decoded(spoilt, channels) is None, found
            continue
        convert = converted_pixels if found.converted else decode
        options = {"on_white": True} if found.converted else {}
        pixels = convert(spoilt, channels, **options)
        assert pixels.shape == (found.height, found.width, channels)
        accepted += 1
    assert accepted < 60


def test_bytes_that_no_pixel_needs_are_no_damage(photo):
    for contents in (encoded(photo), encoded(photo, progressive=True), png(photo)):
        assert inspect(contents + b"and more", None, InspectionSettings(3)).problems == {}
    padded = encoded(photo)[:-2] + bytes(40) + b"\xff\xff\xff\xd9"
    assert inspect(padded, None, InspectionSettings(3)).problems == {}


def test_the_size_is_read_from_the_header_and_a_bomb_is_never_decoded(photo, monkeypatch):
    found = inspect(encoded(photo), "a.jpg", InspectionSettings(3, 160 * 120))
    assert (found.width, found.height, found.problems) == (160, 120, {})
    monkeypatch.setattr("kerasnets.data.audit.image_checks.CHECKS", {"JPEG": None, "PNG": None})
    for contents in (encoded(photo), png(photo), with_size(encoded(photo), 9000, 9000)):
        assert set(inspect(contents, "a", InspectionSettings(3, 160 * 120 - 1)).problems) == {"bomb"}


def _fixed(tmp_path, contents, name="odd.png", policies=None, channels=3):
    """Audit one image among three good ones; return the images that are left, and the audit."""
    source = photos(1)
    paths = [*(tmp_path / f"good{number}.png" for number in range(3)), tmp_path / name]
    for path, data in zip(paths, (*(png(next(source)) for _ in range(3)), contents), strict=True):
        path.write_bytes(data)
    split = Split(EncodedImages.of_files(paths), np.array([0, 0, 1, 1]))
    dataset, found = audit(Dataset(("a", "b"), (None, None, channels), split), policies)
    found.check()
    return dataset.train.images, found


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_what_pillow_turns_by(tmp_path, photo, orientation):
    contents = encoded(photo, exif=exif(orientation))
    images, found = _fixed(tmp_path, contents, "odd.jpg")
    assert images.orientation.tolist() == [1, 1, 1, orientation]
    assert ("exif_orientation" in set(found.table.kind)) == (orientation != 1)
    images, _ = _fixed(tmp_path, contents, "odd.jpg", {"exif_orientation": "keep"})
    assert images.orientation.tolist() == [1, 1, 1, 1]


def test_exif_of_either_byte_order_is_read_and_nonsense_is_upright():
    for order, mark in (("<", b"II"), (">", b"MM")):
        entry = struct.pack(f"{order}HHIHH", 0x0112, 3, 1, 6, 0)
        assert exif_orientation(mark + struct.pack(f"{order}HIH", 42, 8, 1) + entry) == 6
    for nonsense in (b"", b"II", b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\0\x05", b"XX*\0" + bytes(40)):
        assert exif_orientation(nonsense) == 1


def _alike(one, other):
    words = ((int(hash[:16], 16), int(hash[16:], 16)) for hash in (one, other))
    return all((a ^ b).bit_count() <= 2 for a, b in zip(*words, strict=True))


def test_copies_look_alike_and_other_photos_do_not():
    looks = []
    for image in itertools.islice(photos(0), 40):
        half = image.resize((image.width // 2, image.height // 2))
        again = Image.open(io.BytesIO(encoded(half, quality=75)))
        looks.append((image_hash(np.asarray(image))[0], image_hash(np.asarray(again))[0]))
    assert sum(_alike(*pair) for pair in looks) >= 32
    assert not any(_alike(one[0], other[0]) for one, other in itertools.combinations(looks, 2))


def test_similar_hashes_are_those_a_plain_search_finds():
    draws = np.random.default_rng(0)
    hashes = draws.integers(0, 2**64, (3000, 2), dtype="uint64")
    for later, earlier in draws.permutation(3000)[:600].reshape(-1, 2):
        flips = draws.integers(0, 64, 4).astype("uint64")
        bits = np.uint64(1) << flips
        hashes[later] = hashes[earlier] ^ np.array([bits[0] ^ bits[1], bits[2] ^ bits[3]])
    right = []
    for later in range(len(hashes)):
        close = (np.bitwise_count(hashes[:later] ^ hashes[later]) <= 2).all(1)
        right += [(later, int(close.argmax()))] if close.any() else []
    assert similar(hashes) == right
    assert len(right) >= 250
    assert similar(hashes[:0]) == []
    assert similar(np.zeros((3, 2), "uint64")) == [(1, 0), (2, 0)]


def test_the_threads_have_no_effect(tmp_path, photo, monkeypatch):
    paths = []
    for number, (name, (_, make)) in enumerate(FILES.items()):
        if "bomb" not in name:
            paths.append(tmp_path / f"{number}.jpg")
            paths[-1].write_bytes(make(photo))
    split = Split(EncodedImages.of_files(paths), np.arange(len(paths)) % 2)
    tables = []
    for workers in (1, 3, 8):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / str(workers)))
        policies = {"alpha": "keep", "palette": "skip"}
        dataset, found = audit(Dataset(("a", "b"), (None, None, 3), split), policies, workers=workers)
        tables.append((found.table.to_csv(), dataset.train.images.orientation.tobytes()))
    assert tables[0] == tables[1] == tables[2]


def test_names_are_odd_only_where_they_are():
    assert not any(map(odd_name, ("a.jpg", "Ünïcödé 日本.jpeg", "two words.png", "no ending", "a.b.c.gif")))
    assert all(
        map(odd_name, (" a.jpg", "a.jpg ", "a .jpg", "a\n.jpg", "a\x00b", "\udcff.jpg", "a\u200b.jpg"))
    )
    assert printable("é\n\x1b\udcff\u202e") == r"é\n\x1b\xff\u202e"


def test_every_policy_that_a_kind_allows_has_its_default_among_them():
    for name, kind in KINDS.items():
        assert kind.default in kind.policies, name
        assert "error" in kind.policies, name
        assert kind.meaning, name
