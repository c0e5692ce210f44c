"""One file, one meaning: what training, evaluation and predict read of more than a hundred kinds of file."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from broken_images import FILES, encoded, photos
from image_files import SIDE, photo, png_file, readable
from PIL import Image
from undiagnosed import UNDIAGNOSED

import kerasnets
from kerasnets.catalog.audit_kinds import DEFAULTS, PIXEL_KINDS
from kerasnets.data.audit.audit_dataset import audit
from kerasnets.data.dataset import Dataset, Split
from kerasnets.data.images.encoded import EncodedImages
from kerasnets.data.images.image_file import ImageRefusedError, ImageRules, read_image
from kerasnets.data.pipeline.batches import decoded_images, evaluation_batches, training_batches
from kerasnets.data.pipeline.order import BatchPlan
from kerasnets.data.preprocessing.steps import Preprocessing
from kerasnets.recipe import load_recipe

SPATIAL = [{"op": "resize", "size": [SIDE, SIDE], "method": "bilinear"}]
WHOLE_CROP = [{"op": "random_resized_crop", "area": [1.0, 1.0], "ratio": [1.0, 1.0]}]
KEEP = {"alpha": "keep", "exif_orientation": "keep"}
REFUSED = dict.fromkeys(
    ("unsupported_format", "truncated", "corrupt", "damaged", "bomb", "empty_file", "unscaled_sixteen_bit"),
    "skip",
)


def _dataset(folder, contents, channels=3):
    """Return a dataset of files, in order; every second one has the other class."""
    paths = []
    for number, (name, data) in enumerate(contents.items()):
        paths.append(folder / f"{number:03} {name.strip()}".replace("/", "_"))
        paths[-1].write_bytes(data)
    split = Split(EncodedImages.of_files(paths), np.arange(len(paths)) % 2)
    return Dataset(("a", "b"), (None, None, channels), split)


def _readers(dataset, channels, policies):
    """Return what each reader makes of a dataset's training images, in order: name to list of pixels."""
    images = dataset.train.images
    numbered = replace(dataset.train, weights=np.arange(len(images), dtype="float32"))
    steps = Preprocessing(SPATIAL, (None, None, channels))
    steps.fit(None)
    plan = BatchPlan(len(images), seed=0, epochs=1)
    training = training_batches(numbered, steps, WHOLE_CROP, plan=plan, classes=2)
    ((cropped, _, numbers),) = training.as_numpy_iterator()
    rules = ImageRules(channels, policies)
    return {
        "training": list(cropped[np.argsort(numbers)]),
        "evaluate": [
            image
            for batch, _ in evaluation_batches(numbered, steps, classes=2, batch_size=32)
            for image in batch.numpy()
        ],
        "views": list(decoded_images(numbered, channels)),
        "predict": [read_image(images.read(index), rules) for index in range(len(images))],
    }


@pytest.mark.parametrize("policies", [{}, KEEP], ids=["fix", "keep"])
def test_every_reader_gives_the_pixels_that_pillow_and_numpy_give(tmp_path, policies):
    files = readable()
    assert len(files) > 60
    contents = {name: file.contents for name, file in files.items()}
    dataset, found = audit(_dataset(tmp_path, contents), policies)
    found.check()
    for reader, images in _readers(dataset, 3, policies).items():
        for (name, file), image in zip(files.items(), images, strict=True):
            difference = np.abs(file.pixels(**policies).astype(int) - image).max()
            assert difference <= file.tolerance, (reader, name, difference)


def test_every_reader_gives_the_very_same_pixels_of_one_channel(tmp_path):
    files = readable()
    contents = {name: file.contents for name, file in files.items()}
    dataset, found = audit(_dataset(tmp_path, contents, channels=1))
    found.check()
    readers = _readers(dataset, 1, {})
    for number, (name, file) in enumerate(files.items()):
        luminance = np.asarray(Image.fromarray(file.pixels()).convert("L"), int)[..., None]
        assert np.abs(luminance - readers["predict"][number]).max() <= file.tolerance + 1, name
        for reader, images in readers.items():
            np.testing.assert_array_equal(images[number], readers["predict"][number], f"{reader}: {name}")


def test_the_audit_says_of_every_file_what_it_is(tmp_path):
    files = readable()
    _, found = audit(_dataset(tmp_path, {name: file.contents for name, file in files.items()}))
    rows = found.table[found.table.kind.isin(PIXEL_KINDS)]
    kinds = rows.groupby("path")["kind"].agg(set).to_dict()
    for number, (name, file) in enumerate(files.items()):
        assert kinds.get(str(tmp_path / f"{number:03} {name}"), set()) == set(file.kinds), name


def test_what_training_leaves_out_predict_refuses_by_the_same_kind(tmp_path):
    photo = next(photos(0))
    broken = {name: make(photo) for name, (kind, make) in FILES.items() if kind in REFUSED}
    dataset, found = audit(_dataset(tmp_path, broken | {"good.jpg": encoded(photo)}), REFUSED)
    assert dataset.train.images.files[-1] == dataset.train.images.path(0)
    assert len(dataset.train) == 1
    refused = found.table[found.table.policy == "skip"].set_index("path")
    for number, (name, contents) in enumerate(broken.items()):
        with pytest.raises(ImageRefusedError) as caught:
            read_image(contents, ImageRules(3, REFUSED))
        row = refused.loc[[str(tmp_path / f"{number:03} {name.strip()}")]].iloc[0]
        assert (caught.value.kind, caught.value.detail) == (row.kind, row.detail), name


def test_heic_is_read_where_its_reader_is_installed(tmp_path):
    heif = pytest.importorskip("pillow_heif")
    heif.from_pillow(photo()).save(tmp_path / "photo.heic", quality=90)
    right = np.asarray(heif.open_heif(tmp_path / "photo.heic").to_pillow())
    contents = (tmp_path / "photo.heic").read_bytes()
    np.testing.assert_array_equal(read_image(contents, ImageRules(3)), right)


@pytest.mark.parametrize("kind", [kind for kind in PIXEL_KINDS if DEFAULTS[kind] == "fix"])
def test_a_policy_of_error_refuses_the_image_in_predict_too(kind):
    file = next(file for file in readable().values() if kind in file.kinds)
    with pytest.raises(ImageRefusedError, match=f"^{kind}: "):
        read_image(file.contents, ImageRules(3, {kind: "error"}))


def _twelve_bits():
    """Return a grey PNG of 16 bits whose values have twelve, and these."""
    values = np.asarray(photo().convert("L")).astype("uint16") * 16 + 5
    return png_file(values.astype(">u2"), 16, 0), values


def test_twelve_bit_values_are_refused_until_the_recipe_says_so(tmp_path):
    contents, values = _twelve_bits()
    with pytest.raises(ImageRefusedError, match=r"unscaled_sixteen_bit: .* keep 16 grey level"):
        read_image(contents, ImageRules(1))
    kept = read_image(contents, ImageRules(1, {"unscaled_sixteen_bit": "keep"}))
    np.testing.assert_array_equal(kept[..., 0], values >> 8)
    files = {"twelve.png": contents, "twelve.tif": encoded(Image.fromarray(values), "TIFF")}
    dataset, found = audit(_dataset(tmp_path, files, channels=1), significant_bits=12)
    found.check()
    for image, data in zip(decoded_images(dataset.train, 1), files.values(), strict=True):
        np.testing.assert_array_equal(image[..., 0], values >> 4)
        np.testing.assert_array_equal(read_image(data, ImageRules(1, significant_bits=12)), image)


def test_no_image_is_stretched_by_what_is_in_it():
    dark = np.full((SIDE, SIDE), 300, ">u2")
    dark[0, 0] = 5000
    assert read_image(png_file(dark, 16, 0), ImageRules(1)).max() == 5000 >> 8


def test_damaged_jpegs_are_read_without_a_line_that_names_no_file(tmp_path, capfd):
    photo, policies = next(photos(0)), {"damaged": "keep"}
    names = [name for name, (kind, _) in FILES.items() if kind == "damaged"]
    contents = {name: FILES[name][1](photo) for name in names} | {
        "padded.jpg": readable()["padded.jpg"].contents
    }
    dataset, found = audit(_dataset(tmp_path, contents), policies)
    found.check()
    images = list(decoded_images(dataset.train, 3))
    for image, data in zip(images, contents.values(), strict=True):
        np.testing.assert_array_equal(read_image(data, ImageRules(3, policies)), image)
    assert capfd.readouterr() == ("", "")
    assert sorted(found.table.kind[found.table.kind != "near_duplicate"]) == ["damaged"] * len(names)


def _write_hidden(root):
    """Write images of two classes that only their transparency tells apart: PNG and WebP."""
    draws, half = np.random.default_rng(0), np.arange(SIDE) < SIDE // 2
    for split, count in (("train", 24), ("test", 8)):
        for name, clear in (("left", half[None] & np.ones((SIDE, 1), bool)), ("top", half[:, None] & [True])):
            (root / split / name).mkdir(parents=True)
            for number in range(count):
                image = Image.fromarray(draws.integers(0, 200, (SIDE, SIDE, 3), "uint8"))
                alpha = np.broadcast_to(np.where(clear, 10, 255), (SIDE, SIDE)).astype("uint8")
                image.putalpha(Image.fromarray(alpha))
                format, options = (("webp", {"lossless": True, "exact": True}), ("png", {}))[number % 2]
                image.save(root / split / name / f"{number:02}.{format}", **options)
    return root


@pytest.fixture(scope="module")
def hidden(tmp_path_factory):
    """A folder of such images, and two runs on it: one lays them on white, the other drops transparency."""
    root = tmp_path_factory.mktemp("hidden")
    _write_hidden(root / "images")
    overrides = (
        "data.source=folder", f"data.path={root / 'images'}", "data.validation=0", "train.epochs=8",
        "train.batch_size=12", 'preprocess=[{op="resize",size=[32,32]},{op="standardize"}]', "augment=[]",
        *UNDIAGNOSED,
    )  # fmt: skip
    runs = [
        kerasnets.train(
            load_recipe("lenet5-digits", [*overrides, f"data.audit.alpha={policy}"]), root / policy
        )
        for policy in ("fix", "keep")
    ]
    return root / "images" / "test", runs


def _named_right(run, folder):
    table = kerasnets.predict(run, folder, top=1)
    return np.mean(
        [Path(path).parent.name == label for path, label in zip(table.image, table.label, strict=True)]
    )


@pytest.mark.exhaustive
def test_predict_is_as_right_as_evaluate_on_the_same_files(hidden):
    folder, (fixed, kept) = hidden
    assert kerasnets.evaluate(fixed).accuracy == _named_right(fixed, folder) == 1
    assert kerasnets.evaluate(kept).accuracy == _named_right(kept, folder) < 0.9


@pytest.mark.exhaustive
def test_each_run_of_an_ensemble_reads_files_by_its_own_policies(hidden):
    folder, runs = hidden
    alone = [kerasnets.evaluate(run).loss for run in runs]
    assert [member.loss for member in kerasnets.evaluate(runs).members] == alone
    together, *each = (kerasnets.predict(which, folder, top=1) for which in (runs, *runs))
    chances = [np.where(table.label == "left", table.probability, 1 - table.probability) for table in each]
    left = np.where(together.label == "left", together.probability, 1 - together.probability)
    np.testing.assert_allclose(left, np.mean(chances, 0), atol=1e-6)
