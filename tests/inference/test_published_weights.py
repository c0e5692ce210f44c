"""Published weights measured with no run."""

import re
from contextlib import chdir

import keras
import numpy as np
import pytest
from PIL import Image
from places import SHARED, WEIGHTS, needs_weights
from published_weights import drawn_state
from trained_googlenet import first_five, reference_of_photos

import kerasnets
from kerasnets.errors import UserError
from kerasnets.inference.published_weights import open_published
from kerasnets.weights.availability import VARIANTS
from kerasnets.weights.imagenet_classes import imagenet_classes

DEPTH_8 = {"model.options.depth": 8}
MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A folder: weights of an eight-layer ResNet, as others name them, and 40 images in two splits."""
    folder = tmp_path_factory.mktemp("published")
    draw = np.random.default_rng(0)
    x, y = draw.integers(0, 256, (40, 32, 32, 3), "uint8"), np.arange(40) % 10
    np.savez(folder / "data.npz", x_train=x[:16], y_train=y[:16], x_test=x[16:], y_test=y[16:])
    model = kerasnets.build("resnet_cifar", depth=8)
    np.savez(folder / "published.npz", **drawn_state(model))
    kerasnets.load_weights(model, folder / "published.npz")
    model.save(folder / "own.keras")
    return folder


def _probabilities(folder, images, values):
    model = keras.models.load_model(folder / "own.keras", compile=False)
    return np.asarray(keras.ops.softmax(model(values(images / 255).astype("float32")))).astype("float64")


def _test_images(folder):
    with np.load(folder / "data.npz") as data:
        return data["x_test"], data["y_test"]


def test_images_are_prepared_as_those_of_the_weights(small, tmp_path):
    measured = kerasnets.evaluate_weights(
        "resnet_cifar",
        small / "published.npz",
        small / "data.npz",
        overrides=DEPTH_8,
        to=tmp_path / "kept",
    )
    images, labels = _test_images(small)
    right = _probabilities(small, images, lambda images: (images - MEAN) / STD)
    assert (measured.split, measured.images) == ("test", 24)
    assert measured.accuracy == np.mean(right.argmax(1) == labels)
    own = right[np.arange(24), labels]
    assert measured.cross_entropy == pytest.approx(-np.log(own).mean(), rel=1e-4)
    np.testing.assert_allclose(measured.judgement.predictions, right, atol=1e-5)
    assert measured.page == tmp_path / "kept" / "page.html"
    assert (tmp_path / "kept" / "images.csv").is_file()


def test_a_recipe_says_otherwise_how_images_are_prepared(small, tmp_path):
    (tmp_path / "other.toml").write_text(
        'base = "lenet5-digits"\naugment = []\npreprocess = [{op = "scale"}]\n'
        '[model]\nname = "resnet_cifar"\noptions = {depth = 8}\n[data]\nsource = "cifar10"\n'
    )
    images, _ = _test_images(small)
    right = _probabilities(small, images, lambda images: images)
    said = DEPTH_8 | {"preprocess": [{"op": "scale"}]}
    for network, weights, changes in (
        (tmp_path / "other.toml", "published.npz", None),
        (tmp_path / "other.toml", "own.keras", None),
        ("resnet_cifar", "own.keras", said),
    ):
        measured = kerasnets.evaluate_weights(network, small / weights, small / "data.npz", overrides=changes)
        np.testing.assert_allclose(measured.judgement.predictions, right, atol=1e-5)


def test_photos_in_folders_are_measured_whole_and_in_the_classes_order(small, tmp_path, command, refused):
    images, labels = _test_images(small)
    for place, (image, label) in enumerate(zip(images, labels, strict=True)):
        path = tmp_path / "photos" / f"class {label}" / f"{place:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image.repeat(2, 0).repeat(2, 1)).save(path)  # which an antialiased halving gives back
    right = _probabilities(small, images, lambda images: (images - MEAN) / STD)
    code, printed, errors = command(
        "evaluate", "resnet_cifar", "--set", "model.options.depth=8", "--weights", small / "published.npz",
        "--data", tmp_path / "photos",
    )  # fmt: skip
    assert code == 0, errors
    found = re.search(r"all accuracy ([\d.]+), top-5 [\d.]+, cross-entropy ([\d.]+), 24 images", printed)
    assert float(found[1]) == pytest.approx(np.mean(right.argmax(1) == labels), abs=0.09)
    (tmp_path / "photos" / "class 3" / "cut.png").write_bytes(path.read_bytes()[:300])
    broken = ("evaluate", "resnet_cifar", "--set", "model.options.depth=8", "--weights",
              small / "published.npz", "--data", tmp_path / "photos")  # fmt: skip
    assert "cut.png: " in refused(*broken)
    _, printed, _ = command(*broken, "--set", "data.audit.truncated=skip", "--set", "data.audit.corrupt=skip")
    assert ", 24 images" in printed


def test_options_with_which_weights_are_published_are_tried(small, monkeypatch):
    monkeypatch.setitem(VARIANTS, "resnet_cifar", ({}, {"depth": 8}))
    measured = kerasnets.evaluate_weights("resnet_cifar", small / "published.npz", small / "data.npz")
    assert measured.images == 24
    assert "<td>0</td>" in measured._repr_html_()


@pytest.mark.parametrize(
    ("network", "weights", "data", "said"),
    [
        ("resnet_cifar", "own.keras", "data.npz", "only who trained these weights knows how images"),
        ("resnet_cifra", "own.keras", "data.npz", "found no such network, .* did you mean 'resnet_cifar'"),
        ("resnet_cifar", "none.npz", "data.npz", "none.npz: "),
        ("resnet_cifar", "published.npz", "cifar", "found no folder and no such source"),
        ("resnet20-cifar10", "own.keras", "data.npz", "preprocess: found steps that take statistics"),
        ("resnet20-cifar10", "own.keras", "nothing.csv", "nothing.csv: "),
    ],
)
def test_what_cannot_be_measured_is_refused(network, weights, data, said, small):
    overrides = DEPTH_8 if network == "resnet_cifar" else None
    with chdir(small), pytest.raises(UserError, match=said):
        kerasnets.evaluate_weights(network, weights, data, overrides=overrides)


def test_splits_classes_and_channels_must_fit(small, tmp_path):
    draw = np.random.default_rng(0)
    x = draw.integers(0, 256, (12, 32, 32, 3), "uint8")
    np.savez(tmp_path / "three.npz", x_train=x, y_train=np.arange(12) % 3)
    np.savez(tmp_path / "grey.npz", x_train=x[..., 0], y_train=np.arange(12) % 10)

    def refused(data, said, **more):
        with pytest.raises(UserError, match=said):
            open_published("resnet_cifar", small / "published.npz", data, overrides=DEPTH_8, **more)

    refused(tmp_path / "three.npz", "three.npz: found 3 classes, allowed: 10, as the network has outputs")
    refused(tmp_path / "grey.npz", "takes images of 3 channels, found 1")
    refused(small / "data.npz", "split 'validation', allowed: train, test", split="validation")


def test_the_command_takes_weights_with_their_data(refused):
    alone = refused("evaluate", "resnet20", "--weights", "x.npz")
    assert "--weights: allowed with one NAME and --data" in alone
    assert "--set: allowed with --weights" in refused("evaluate", "runs/a", "--set", "train.seed=1")


@needs_weights
def test_trained_googlenet_gives_the_references_first_five(tmp_path):
    pixels, logits, files = reference_of_photos()
    top = first_five(logits)
    wnids = sorted(name.partition("_")[0] for name in files)
    labels = np.array([wnids.index(name.partition("_")[0]) for name in files])
    np.savez(tmp_path / "pixels.npz", x_train=pixels, y_train=labels, classes=wnids)
    measured = kerasnets.evaluate_weights(
        "googlenet", WEIGHTS / "googlenet_bvlc.npz", tmp_path / "pixels.npz"
    )
    np.testing.assert_array_equal(measured.judgement.outcomes.ranked, top)
    assert measured.classes["class"].str.partition(" ")[0].tolist() == wnids
    index = [wnid for wnid, _ in imagenet_classes()]
    right = top == np.array([index.index(name.partition("_")[0]) for name in files])[:, None]
    assert (measured.accuracy, measured.top5) == (right[:, 0].mean(), right.any(1).mean())


@needs_weights
@pytest.mark.exhaustive
def test_trained_googlenet_knows_photos_by_their_wnids(tmp_path):
    """The photos were stored as JPEGs after the reference was taken: their pixels differ by 0.5 to 4 of 255.

    So first places may change where the reference's first two logits are nearly the same.
    """
    _, logits, files = reference_of_photos()
    rows = [f"{SHARED / 'data/photos' / name},{name.partition('_')[0]}" for name in files]
    (tmp_path / "photos.csv").write_text("\n".join(["path,label", *rows]))
    measured = kerasnets.evaluate_weights(
        "googlenet", WEIGHTS / "googlenet_bvlc.npz", tmp_path / "photos.csv"
    )
    order = [files.index(name.rpartition("/")[2]) for name in measured.judgement.images.image]
    found, right = measured.judgement.outcomes.ranked, first_five(logits)[order]
    shared = [len(set(mine) & set(theirs)) for mine, theirs in zip(found, right, strict=True)]
    assert np.mean(shared) > 4.5
    first, second = np.sort(logits[order], axis=1)[:, :-3:-1].T
    clear = first - second > 0.5  # a ratio of probabilities of 1.6
    assert clear.sum() == 12
    np.testing.assert_array_equal(found[clear, 0], right[clear, 0])
    assert all(best in pair for best, pair in zip(right[:, 0], found[:, :2], strict=True))
