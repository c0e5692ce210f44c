"""Several runs as one: probabilities averaged, measured and exported."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import log_softmax, softmax
from undiagnosed import UNDIAGNOSED

import kerasnets
from kerasnets.data.sources.load import load_dataset
from kerasnets.errors import UserError
from kerasnets.inference.views import averaged_predictions
from kerasnets.recipe import load_recipe
from kerasnets.runs.trained_run import open_run

SHORT = (
    "train.epochs=2", "train.batch_size=64", "data.validation=0.0", *UNDIAGNOSED,
)  # fmt: skip

MEMBERS = (
    ("train.seed=1",),
    # prepared otherwise, at another size
    ("train.seed=2", "preprocess=[{op='resize',size=[40,36]},{op='scale',to=[-1.0,1.0]}]"),
    # scored by the hinge loss, seen at ten crops
    (
        "train.seed=3",
        "loss.name=categorical_hinge",
        "evaluation.views=ten_crop",
        "evaluation.short_sides=[36]",
    ),
)


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """Train a short run with overrides; return its directory."""
    folder = tmp_path_factory.mktemp("members")

    def run(*overrides):
        recipe = load_recipe("lenet5-digits", [*SHORT, *overrides])
        return kerasnets.train(recipe, folder / f"run{len(list(folder.iterdir()))}")

    return run


@pytest.fixture(scope="session")
def runs(trained):
    return [trained(*overrides) for overrides in MEMBERS]


@pytest.fixture(scope="session")
def test_split():
    return load_dataset("digits").test


def _logits(run, images):
    member = open_run(run, "test")
    return member.network.predict(member.preprocessing(images), verbose=0).astype("float64")


def test_an_ensemble_is_the_mean_of_the_probabilities(runs, test_split):
    images, truth = test_split.images, test_split.labels
    measured = kerasnets.evaluate(runs, views="center")
    mean = np.mean([softmax(_logits(run, images), axis=1) for run in runs], axis=0)
    assert measured.accuracy == (mean.argmax(1) == truth).mean() > 0.8
    assert measured.top5 == (np.argsort(-mean)[:, :5] == truth[:, None]).any(1).mean()
    right = mean[np.arange(len(truth)), truth]
    assert measured.cross_entropy == pytest.approx(-np.log(right).mean(), rel=1e-5)
    by_class = [(mean.argmax(1) == truth)[truth == label].mean() for label in range(10)]
    assert measured.classes.accuracy.tolist() == pytest.approx(by_class)
    assert measured.loss is None
    assert measured.images == len(truth)


@pytest.mark.exhaustive
def test_the_members_are_measured_as_they_are_alone(runs):
    measured = kerasnets.evaluate(runs)
    assert [member.run for member in measured.members] == [str(run) for run in runs]
    for run, member in zip(runs, measured.members, strict=True):
        (alone, again) = kerasnets.evaluate(run), kerasnets.evaluate([run])
        assert member.classes.equals(alone.classes)
        assert again.classes.shape == (10, 3)
        assert member == alone == again
    assert measured.views == "center, ten_crop"
    assert measured.short_sides == (36,)


@pytest.mark.exhaustive
def test_views_are_averaged_within_each_member_first(runs, test_split):
    images, truth = test_split.images, test_split.labels
    measured = kerasnets.evaluate(runs[:2], views="ten_crop", short_sides=[44])
    assert [member.short_sides for member in measured.members] == [(44,), (44,)]
    each = []
    for run in runs[:2]:
        member = open_run(run, "test")
        each.append(
            averaged_predictions(
                member.network, member.preprocessing, lambda: images, views="ten_crop", short_sides=[44]
            ).astype("float64")
        )
    mean = np.mean(each, axis=0)
    assert measured.accuracy == (mean.argmax(1) == truth).mean()
    right = mean[np.arange(len(truth)), truth]
    assert measured.cross_entropy == pytest.approx(-np.log(right).mean(), rel=1e-5)


def test_the_loss_of_one_run_is_its_recipes(runs, test_split):
    logits = _logits(runs[1], test_split.images)
    loss = -log_softmax(logits, axis=1)[np.arange(len(logits)), test_split.labels].mean()
    assert kerasnets.evaluate(runs[1]).loss == pytest.approx(loss, rel=1e-4)
    logits, labels = _logits(runs[2], test_split.images), test_split.labels
    right = logits[np.arange(len(labels)), labels]
    wrong = np.where(np.arange(10) == labels[:, None], -np.inf, logits).max(1)
    wrong = np.maximum(wrong, 0)  # Keras takes the highest of (1 - label) · score
    hinge = np.maximum(0, 1 + wrong - right).mean()
    assert kerasnets.evaluate(runs[2], views="center", short_sides=[]).loss == pytest.approx(hinge, rel=1e-4)


def test_the_command_prints_each_member_and_the_ensemble(runs, command):
    code, output, errors = command("evaluate", *runs, "--views", "center")
    assert code == 0, errors
    measured = kerasnets.evaluate(runs, views="center")
    for run, member in zip(runs, measured.members, strict=True):
        assert f"{run}: test accuracy {member.accuracy:.4f}, top-5 {member.top5:.4f}, loss" in output
    said = f"3 runs averaged: test accuracy {measured.accuracy:.4f}, top-5 {measured.top5:.4f}"
    assert f"{said}, cross-entropy {measured.cross_entropy:.4f}, 350 images\n" in output


@pytest.mark.exhaustive
def test_one_saved_model_holds_every_member_with_its_preprocessing(runs, test_split, tmp_path, command):
    members = runs[1:]
    code, output, errors = command("export", *members, "--to", tmp_path)
    assert code == 0, errors
    assert "checked on 100 images in a fresh process" in output
    assert f"exported: {tmp_path / '1'}" in output
    signatures = tf.saved_model.load(str(tmp_path / "1")).signatures
    images_of, files_of = {"serving_default", "serve_uint8", "features"}, {"serve_bytes", "features_bytes"}
    assert set(signatures) == images_of | files_of
    images = test_split.images[:20]
    mean = np.mean([softmax(_logits(run, images), axis=1) for run in members], axis=0)
    files = tf.stack([tf.io.encode_png(image) for image in images])
    for answers in (
        signatures["serving_default"](images=tf.constant(images, tf.float32)),
        signatures["serve_uint8"](images=images),
        signatures["serve_bytes"](contents=files),
    ):
        np.testing.assert_allclose(answers["probabilities"], mean, atol=2e-6)
        np.testing.assert_array_equal(answers["classes"], mean.argmax(1))
        assert [int(label) for label in answers["labels"].numpy()] == mean.argmax(1).tolist()
    assert signatures["serving_default"](images=tf.zeros([2, 50, 70, 1]))["probabilities"].shape == (2, 10)


def test_an_ensemble_predicts_files(runs, test_split, tmp_path):
    (tmp_path / "digit.png").write_bytes(tf.io.encode_png(test_split.images[0]).numpy())
    table = kerasnets.predict(runs, [tmp_path / "digit.png"], top=10)
    mean = np.mean([softmax(_logits(run, test_split.images[:1]), axis=1)[0] for run in runs], axis=0)
    assert table.label.astype(int).tolist() == np.argsort(-mean).tolist()
    np.testing.assert_allclose(table.probability, np.sort(mean)[::-1], atol=2e-6)


@pytest.mark.exhaustive
def test_an_onnx_file_holds_members_that_prepare_images_otherwise(runs, test_split, tmp_path, refused):
    import onnxruntime

    file = kerasnets.export(runs[:2], tmp_path, kind="onnx")
    assert file.name == "model.onnx"
    images = test_split.images[:50]
    mean = np.mean([softmax(_logits(run, images), axis=1) for run in runs[:2]], axis=0)
    found = onnxruntime.InferenceSession(file).run(None, {"images": images})[0]
    # the members resize, by which a pixel may be rounded to the next level
    np.testing.assert_allclose(found, mean, atol=1e-4)
    said = refused("export", *runs[:2], "--to", tmp_path, "--format", "litert")
    assert f"{runs[1]}: found other spatial steps than {runs[0]} has" in said
    said = refused("export", *runs[:2], "--to", tmp_path, "--format", "keras")
    assert "found 2 runs, allowed: one" in said


def _arrays(folder, labels, **more):
    images = np.random.default_rng(0).integers(0, 256, (len(labels), 8, 8, 1), "uint8")
    folder.mkdir()
    np.savez(folder / "images.npz", x_train=images, y_train=np.array(labels), **more)
    return [
        "data.source=npz", f"data.path={folder / 'images.npz'}", "train.epochs=1", "train.batch_size=8",
        "data.test=0.2", *UNDIAGNOSED,
    ]  # fmt: skip


@pytest.mark.exhaustive
def test_runs_that_are_no_ensemble_are_named(runs, trained, tmp_path, refused):
    twelve = [number % 10 for number in range(100)]
    other_images = trained(*_arrays(tmp_path / "a", twelve))
    two = trained(*_arrays(tmp_path / "b", [number % 2 for number in range(40)]))
    named = trained(*_arrays(tmp_path / "c", twelve, classes=np.array(list("012345678x"))))
    for ask in ("evaluate", "export"):
        to = ("--to", tmp_path / "exports") if ask == "export" else ()
        said = refused(ask, runs[0], two, *to)
        assert f"{two}: found 2 classes, allowed: 10 classes, as {runs[0]} has" in said
        said = refused(ask, runs[0], named, *to)
        assert f"{named}: found 'x' among its classes, allowed: '9' in its place, as {runs[0]} has" in said
        said = refused(ask, runs[0], runs[1], other_images, *to)
        assert f"{other_images}: found other images in its test split, allowed: those of {runs[0]}" in said
        said = refused(ask, runs[0], runs[1], runs[0], *to)
        assert f"{ask}: found {runs[0]} twice, allowed: one run or more, each once" in said
    assert not (tmp_path / "exports").exists()
    assert "found several runs and no folder, allowed: several with --to DIR" in refused("export", *runs)
    with pytest.raises(UserError, match="evaluate: found no run"):
        kerasnets.evaluate([])


@pytest.mark.exhaustive
def test_validation_images_held_out_by_other_seeds_are_not_one_split(trained, refused):
    first, second = (trained("data.validation=0.1", f"train.seed={seed}") for seed in (1, 2))
    assert kerasnets.evaluate([first, second]).images == 350
    said = refused("evaluate", first, second, "--split", "validation")
    assert f"{second}: found other images in its validation split" in said
    assert "held out by train.seed" in said


@pytest.mark.exhaustive
def test_images_of_other_channels_are_refused_in_export(trained, image_folder, tmp_path, refused):
    overrides = (
        "data.source=folder", f"data.path={image_folder}", "train.batch_size=8", "train.epochs=1",
        "data.test=0.2",
    )  # fmt: skip
    grey, colour = (trained(*overrides, f"data.channels={channels}") for channels in (1, 3))
    assert kerasnets.evaluate([grey, colour]).images == 11
    said = refused("export", grey, colour, "--to", tmp_path / "exports")
    assert f"{colour}: found images of 3 channels, allowed: 1, as {grey} takes" in said
