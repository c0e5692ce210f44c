"""Batches: the same to the bit for any (seed, epoch, step), however and wherever they are made."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from sklearn.datasets import load_sample_image
from sweep import sweep

from kerasnets.data.augmentation.crops import crop_windows, split_crop, stored_windows, turns, window_decoder
from kerasnets.data.dataset import Dataset, Split
from kerasnets.data.images.decoding import decode, upright
from kerasnets.data.images.encoded import EncodedImages
from kerasnets.data.pipeline.batches import (
    decoded_images,
    evaluation_batches,
    spatial_batches,
    training_batches,
)
from kerasnets.data.pipeline.decoded_cache import keep_decoded
from kerasnets.data.pipeline.decoded_store import StoredImages
from kerasnets.data.pipeline.order import BatchPlan, storage_order
from kerasnets.data.pipeline.read import Reading
from kerasnets.data.preprocessing.statistics import Moments
from kerasnets.data.preprocessing.steps import Preprocessing
from kerasnets.data.shards.pack import pack
from kerasnets.data.sources.load import load_dataset
from kerasnets.data.sources.tfrecord import read_tfrecord
from kerasnets.errors import UserError

FLIP = {"op": "flip", "mode": "horizontal"}
PAD_CROP = {"op": "pad_crop", "padding": 2, "fill": 7.0}
RESIZED_CROP = {"op": "random_resized_crop", "area": [0.1, 1.0], "ratio": [0.7, 1.4]}
MULTI_SCALE = {"op": "multi_scale_crop", "short_side": [48, 90], "square": False}
MIXUP = {"op": "mixup", "alpha": 0.4}
AUGMENTATIONS = {
    "none": [],
    "pad_crop": [PAD_CROP, FLIP],
    "resized_crop": [RESIZED_CROP, FLIP],
    "multi_scale": [MULTI_SCALE, FLIP],
    "mixup": [RESIZED_CROP, FLIP, MIXUP],
}
SIZE = 40


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """58 JPEGs and PNGs of many sizes and orientations, cut from two real photos; two classes, weights."""
    folder, rng = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    paths, labels = [], []
    for label, name in enumerate(("china.jpg", "flower.jpg")):
        photo = load_sample_image(name)
        for number in range(29):
            height, width = rng.integers(60, 220, 2) if number else (427, 640)
            part = photo[:height, 100 : 100 + width]
            paths.append(folder / f"{label}-{number:02}.{'png' if number % 7 == 3 else 'jpg'}")
            Image.fromarray(part).save(paths[-1])
            labels.append(label)
    images = EncodedImages.of_files(paths, 1 + np.arange(58) % 8)
    train = Split(images, np.array(labels), rng.random(58).astype("float32"))
    return Dataset(("china", "flower"), (None, None, 3), train)


@pytest.fixture(scope="module")
def packed(photos, tmp_path_factory):
    folder = tmp_path_factory.mktemp("packed")
    pack(photos, folder, shard_bytes=100_000)
    return read_tfrecord(folder).train


@pytest.fixture(scope="module")
def preprocessing():
    steps = [
        {"op": "resize", "short_side": 48, "method": "bilinear"},
        {"op": "center_crop", "size": [SIZE, SIZE]},
        {"op": "scale", "to": [-1.0, 1.0]},
    ]
    return Preprocessing(steps, (None, None, 3))


def _batches(split, preprocessing, operations, **changes):
    options = {key: changes.pop(key) for key in ("decoded", "reading") if key in changes}
    plan = BatchPlan(**{"batch_size": 12, "seed": 5, "epochs": 3} | changes)
    batches = training_batches(split, preprocessing, operations, plan=plan, classes=2, **options)
    return [[part.numpy() for part in batch] for batch in batches]


def _assert_same(first, second):
    assert len(first) == len(second)
    for batch, other in zip(first, second, strict=True):
        for part, other_part in zip(batch, other, strict=True):
            np.testing.assert_array_equal(part, other_part)


@pytest.fixture(scope="module", params=sweep(AUGMENTATIONS, quick=["mixup"]))
def reference(request, photos, preprocessing):
    """An augmentation, and the batches of three epochs that it makes with two threads, from the folder."""
    operations = AUGMENTATIONS[request.param]
    return operations, _batches(photos.train, preprocessing, operations)


@pytest.mark.parametrize("workers", sweep([1, 8], quick=[8]))
def test_batches_do_not_depend_on_the_threads(photos, preprocessing, reference, workers):
    operations, batches = reference
    reading = Reading(workers=workers, prefetch=1)
    _assert_same(batches, _batches(photos.train, preprocessing, operations, reading=reading))


def test_batches_of_any_step_need_no_earlier_one(photos, preprocessing, reference):
    operations, batches = reference
    assert len(batches) == 3 * 4
    late = _batches(photos.train, preprocessing, operations, first_epoch=1, first_step=3)
    _assert_same(batches[7:], late)


def test_packed_shards_give_the_folders_batches(packed, preprocessing, reference):
    operations, batches = reference
    assert len(packed.images.files) > 2
    _assert_same(batches, _batches(packed, preprocessing, operations))


@pytest.mark.parametrize("stored", sweep(["folder", "packed"]))
def test_two_hosts_together_have_one_hosts_batches(photos, packed, preprocessing, reference, stored):
    operations, _ = reference
    split = photos.train if stored == "folder" else packed
    one = _batches(photos.train, preprocessing, operations, streams=4)
    halves = [_batches(split, preprocessing, operations, streams=4, host=host, hosts=2) for host in (0, 1)]
    for whole, *parts in zip(one, *halves, strict=True):
        for part, *own in zip(whole, *parts, strict=True):
            np.testing.assert_array_equal(part, np.concatenate(own))


def test_each_host_reads_a_run_of_shards_of_its_own(packed):
    dealt = [np.sort(part) for part in np.array_split(storage_order(len(packed)), 2)]
    first, second = (set(packed.images.file[part]) for part in dealt)
    assert len(first & second) <= 1, "the shard that the middle lies in"


@pytest.mark.parametrize("streams", [1, 3])
def test_an_epoch_shows_each_image_at_most_once_and_another_seed_another_order(photos, streams):
    plain = Preprocessing([{"op": "resize", "size": [8, 8], "method": "area"}], (None, None, 3))

    def seen(**changes):
        batches = _batches(photos.train, plain, [], epochs=2, streams=streams, **changes)
        return [image.tobytes() for images, *_ in batches for image in images]

    images, steps = seen(), BatchPlan(12, 0, 1, streams=streams).steps_per_epoch(58)
    assert len(images) == 2 * steps * 12
    assert len(set(images[: steps * 12])) == steps * 12
    assert images[: steps * 12] != images[steps * 12 :]
    assert images != seen(seed=6)


def test_weights_go_with_their_images(photos, preprocessing):
    batches = _batches(photos.train, preprocessing, [], epochs=1)
    inputs = np.concatenate([preprocessing(image[None]) for image in decoded_images(photos.train, 3)])
    known = {image.tobytes(): index for index, image in enumerate(inputs)}
    for images, labels, weights in batches:
        indices = [known[image.tobytes()] for image in images]
        np.testing.assert_array_equal(weights, photos.train.weights[indices])
        np.testing.assert_array_equal(labels.argmax(1), photos.train.labels[indices])


def test_evaluation_gives_every_image_once_in_order_upright(photos, preprocessing):
    batches = list(evaluation_batches(photos.train, preprocessing, classes=2, batch_size=25))
    assert [len(images) for images, _ in batches] == [25, 25, 8]
    for index, image in enumerate(np.concatenate([images for images, _ in batches])):
        pixels = decode(photos.train.images.read(index), 3)
        turned = upright(pixels, photos.train.images.orientation[index])
        np.testing.assert_array_equal(image, preprocessing(turned[None])[0])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientations_are_pillows(orientation):
    from PIL import ImageOps

    image = Image.fromarray(load_sample_image("china.jpg")[:50, :80])
    exif = Image.Exif()
    exif[0x0112] = orientation
    encoded = io.BytesIO()
    image.save(encoded, "PNG", exif=exif)
    right = np.asarray(ImageOps.exif_transpose(Image.open(encoded)))
    np.testing.assert_array_equal(upright(tf.constant(np.asarray(image)), orientation), right)


@pytest.mark.parametrize("operation", [RESIZED_CROP, MULTI_SCALE, MULTI_SCALE | {"square": True}])
def test_crops_lie_within_the_image_and_where_the_options_say(operation):
    crop, _ = split_crop([operation])
    rng = np.random.default_rng(0)
    shapes, draws = rng.integers(30, 700, (3000, 2)), rng.random((3000, 22 if "area" in operation else 3))
    windows = crop_windows(crop, shapes, draws, size=[SIZE, SIZE])
    assert (windows[:, :2] >= 0).all()
    assert (windows[:, 2:] >= 1).all()
    assert (windows[:, :2] + windows[:, 2:] <= shapes).all()
    if "area" in operation:
        whole = windows[:, 2:] < shapes
        share = (windows[:, 2:].prod(1) / shapes.prod(1))[whole.all(1)]
        assert 0.09 < share.min() < 0.15
        assert 0.9 < share.max() <= 1
        ratios = (windows[:, 3] / windows[:, 2])[whole.all(1)]
        assert 0.65 < ratios.min() < 0.75
        assert 1.3 < ratios.max() < 1.5
    else:
        short = SIZE * shapes.min(1) / windows[:, 2]  # the short side that this window is 40 pixels of
        assert 46 < np.median(short) < 92
        middle = np.abs(windows[:, :2] + windows[:, 2:] / 2 - shapes / 2).max(1)
        inside = middle + windows[:, 2] / 2 <= shapes.min(1) / 2 + 1
        assert inside.all() == operation["square"]


def test_a_crop_that_fits_nowhere_is_the_middle_as_large_as_the_ratios_allow():
    crop, _ = split_crop([RESIZED_CROP | {"area": [1.0, 1.0], "ratio": [0.5, 2.0]}])
    windows = crop_windows(crop, np.array([[100, 1000], [1000, 100]]), np.full((2, 22), 0.5), size=[9, 9])
    np.testing.assert_array_equal(windows, [[0, 400, 100, 200], [400, 0, 200, 100]])


def _stored(image, form, orientation, **options):
    """Encode an image so that it lies upright once it is turned from `orientation`."""
    back = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}[orientation]
    encoded = io.BytesIO()
    Image.fromarray(upright(tf.constant(image), back).numpy()).save(encoded, form, **options)
    return encoded.getvalue()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_a_fused_crop_is_the_crop_of_the_decoded_and_turned_image(form, orientation):
    image = load_sample_image("flower.jpg")[:200, :333]
    options = {"quality": 95, "subsampling": 0} if form == "JPEG" else {}
    contents = _stored(image, form, orientation, **options)
    whole = upright(decode(contents, 3), orientation).numpy()
    draws = np.random.default_rng(orientation).random((12, 23)).astype("float32")
    crop, _ = split_crop([RESIZED_CROP, FLIP])
    orientations = np.full(12, orientation, "uint8")
    stored = stored_windows(crop, [contents] * 12, orientations, draws=draws, size=[64, 64])
    right = crop_windows(crop, np.full((12, 2), [200, 333]), draws, size=[64, 64])
    images = tf.data.Dataset.from_tensor_slices(([contents] * 12, *stored))
    images = images.map(window_decoder([64, 64], 3, turns(crop, orientations)))
    for image, reduction, place, row in zip(images, stored[1], right, draws, strict=True):
        top, left, height, width = place
        part = tf.image.resize(
            whole[top : top + height, left : left + width], [64, 64], antialias=form == "PNG"
        )
        part = np.round(part[:, ::-1] if row[22] < 0.5 else part)
        found, divided = image.numpy().astype(int), form == "JPEG" and reduction > 0
        # reduced by the JPEG decoder, pixels are means of several: not the same, but alike
        assert np.abs(found - part).max() <= 1 or divided
        assert np.abs(found - part).mean() < (8 if divided else 0.1)
    assert form == "PNG" or {0, 1} <= set(stored[1].tolist()), "some reduced, some not"


@pytest.mark.parametrize("operation", [RESIZED_CROP, MULTI_SCALE])
def test_crops_of_arrays_are_those_of_the_same_images_in_files(tmp_path, operation):
    images = np.stack([load_sample_image("china.jpg")[i : i + 60, i : i + 90] for i in range(0, 200, 10)])
    paths = [tmp_path / f"{number:02}.png" for number in range(20)]
    for path, image in zip(paths, images, strict=True):
        Image.fromarray(image).save(path)
    labels = np.arange(20) % 2
    plain = Preprocessing([{"op": "resize", "size": [40, 40], "method": "bilinear"}], (60, 90, 3))
    arrays = _batches(Split(images, labels), plain, [operation, FLIP])
    _assert_same(arrays, _batches(Split(EncodedImages.of_files(paths), labels), plain, [operation, FLIP]))


@pytest.mark.parametrize("cache", ["memory", "disk", "auto", "none"])
def test_keeping_images_decoded_changes_nothing(photos, preprocessing, tmp_path, monkeypatch, cache):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    decoded = keep_decoded(photos.train, preprocessing, Reading(), cache=cache, limit=10**6)
    assert (decoded is None) == (cache == "none")
    assert isinstance(decoded, StoredImages) == (cache == "disk")
    plain = _batches(photos.train, preprocessing, [PAD_CROP, FLIP])
    _assert_same(plain, _batches(photos.train, preprocessing, [PAD_CROP, FLIP], decoded=decoded))


def test_what_does_not_fit_is_not_kept_or_refused(photos, preprocessing, monkeypatch):
    def keep(cache, limit):
        return keep_decoded(photos.train, preprocessing, Reading(), cache=cache, limit=limit)

    assert keep("auto", 58 * SIZE * SIZE * 3 - 1) is None
    monkeypatch.setattr("kerasnets.data.pipeline.decoded_cache.available_memory", lambda: 1000)
    assert keep("auto", 10**9) is None
    with pytest.raises(UserError, match=r'data.cache: .* memory has 0.00; allowed: data.cache = "disk"'):
        keep("memory", 0)


def test_arrays_that_need_no_resizing_are_not_copied():
    digits = load_dataset("digits").train
    plain = Preprocessing([{"op": "scale", "to": [0.0, 1.0]}], (8, 8, 1))
    assert keep_decoded(digits, plain, Reading(), cache="none", limit=0) is digits.images


def test_a_file_that_goes_while_training_is_named(photos, preprocessing, tmp_path):
    path = tmp_path / "one.jpg"
    path.write_bytes(photos.train.images.read(0))
    split = Split(EncodedImages.of_files([path] * 4), np.zeros(4, int))
    plan, reading = BatchPlan(2, seed=0, epochs=5), Reading(1, 1)
    batches = iter(
        training_batches(split, preprocessing, [RESIZED_CROP], plan=plan, classes=1, reading=reading)
    )
    next(batches)
    path.unlink()
    with pytest.raises(tf.errors.OpError, match=r"one\.jpg"):
        list(batches)


def test_the_storage_order_never_changes():
    """Packed shards outlive versions: these are splitmix64's, computed by hand from its definition."""
    mask, hashes = 2**64 - 1, []
    for number in range(1, 1001):
        value = number * 0x9E3779B97F4A7C15 & mask
        value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 & mask
        value = (value ^ value >> 27) * 0x94D049BB133111EB & mask
        hashes.append(value ^ value >> 31)
    assert hashes[0] == 0xE220A8397B1DCDAF, "the first number of splitmix64 seeded with 0"
    assert storage_order(1000).tolist() == sorted(range(1000), key=hashes.__getitem__)


def test_spatial_images_are_whole_numbers_in_order(photos, preprocessing):
    images = np.concatenate(list(spatial_batches(photos.train, preprocessing)))
    assert images.dtype == np.uint8
    right = [preprocessing.spatial(image[None])[0] for image in decoded_images(photos.train, 3, workers=3)]
    np.testing.assert_array_equal(images, right)
    assert Moments.of([images]).count == 58
