"""What is exported: SavedModel and ONNX answer as the run does, and are numbered and whole."""

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from undiagnosed import UNDIAGNOSED

import kerasnets
from kerasnets.data.sources.load import load_dataset
from kerasnets.exporting import saved_model
from kerasnets.exporting.saved_model import write_saved_model
from kerasnets.recipe import load_recipe
from kerasnets.runs.directory import RunDirectory
from kerasnets.runs.ensemble import mean_predictions, open_runs

SERVE = """
import sys, numpy as np, tensorflow as tf
model = tf.saved_model.load(sys.argv[1])
images = np.load(sys.argv[2])
answers = [model.signatures["serving_default"](images=tf.constant(images, tf.float32)) for _ in range(2)]
arrays = {name: value.numpy() for name, value in answers[0].items()}
arrays["labels"] = arrays["labels"].astype("S")
np.savez(sys.argv[3], **arrays, again=answers[1]["probabilities"])
assert "kerasnets" not in sys.modules
"""


@pytest.fixture(scope="module")
def digits_to_test():
    return load_dataset("digits").test


@pytest.fixture(scope="module")
def exported(default_run, tmp_path_factory):
    """An export beside an earlier one, of which there is but the folder."""
    folder = tmp_path_factory.mktemp("exports")
    (folder / "1").mkdir()
    return kerasnets.export(default_run, folder)


def test_a_process_with_tensorflow_alone_predicts_the_same(default_run, exported, digits_to_test, tmp_path):
    images = digits_to_test.images[:100]
    np.save(tmp_path / "images.npy", images)
    arguments = [str(exported), str(tmp_path / "images.npy"), str(tmp_path / "answers.npz")]
    subprocess.run([sys.executable, "-I", "-c", SERVE, *arguments], check=True, capture_output=True)
    answers = np.load(tmp_path / "answers.npz")
    right = np.asarray(mean_predictions(open_runs(default_run, "test"), images))
    np.testing.assert_allclose(answers["probabilities"], right, atol=1e-6)
    np.testing.assert_array_equal(answers["probabilities"], answers["again"])
    np.testing.assert_array_equal(answers["classes"], right.argmax(axis=1))
    assert [int(label) for label in answers["labels"]] == answers["classes"].tolist()


def test_every_signature_takes_raw_images_of_any_size(exported, digits_to_test):
    signatures = tf.saved_model.load(str(exported)).signatures
    images = digits_to_test.images[:5]
    files = tf.stack([tf.io.encode_png(image) for image in images])
    plain = signatures["serving_default"](images=tf.constant(images, tf.float32))["probabilities"]
    np.testing.assert_allclose(signatures["serve_uint8"](images=images)["probabilities"], plain, atol=1e-6)
    np.testing.assert_allclose(signatures["serve_bytes"](contents=files)["probabilities"], plain, atol=1e-6)
    large = tf.zeros([2, 50, 70, 1])
    assert signatures["serving_default"](images=large)["probabilities"].shape == (2, 10)


def test_exports_are_numbered_and_leave_nothing_half_written(default_run, exported, refused):
    assert exported.name == "2"
    assert {entry.name for entry in exported.parent.iterdir()} == {
        "1", "2", "export.json", "sample.npz", "model_card.md", "model_card.json", "client", "serving",
    }  # fmt: skip
    assert "found a file" in refused("export", default_run, "--to", exported / "saved_model.pb")


@pytest.mark.exhaustive
def test_an_export_that_fails_its_check_is_not_kept(default_run, monkeypatch, tmp_path, command):
    def spoil_and_write(members, path, **options):
        kernel = members[0].network.trainable_weights[0]
        kernel.assign(kernel * 1.01)
        write_saved_model(members, path, **options)

    monkeypatch.setattr(saved_model, "write_saved_model", spoil_and_write)
    code, _, errors = command("export", default_run, "--to", tmp_path / "exports")
    assert code == 1
    assert "probabilities differ by" in errors
    assert "Traceback" not in errors
    assert list((tmp_path / "exports").iterdir()) == []


@pytest.mark.exhaustive
def test_a_folder_of_photos_is_trained_exported_and_predicted(image_folder, tmp_path, command):
    recipe = load_recipe(
        "lenet5-digits",
        ["data.source=folder", f"data.path={image_folder}", "train.epochs=8", "train.batch_size=8",
         *UNDIAGNOSED],
    )  # fmt: skip
    run = kerasnets.train(recipe, tmp_path / "run")
    assert RunDirectory(run).result.test.accuracy >= 0.8
    version = kerasnets.export(run)
    files = [path.read_bytes() for path in sorted(image_folder.rglob("*.png"))[::10]]
    answers = tf.saved_model.load(str(version)).signatures["serve_bytes"](contents=tf.constant(files))
    table = kerasnets.predict(run, sorted(image_folder.rglob("*.png"))[::10], top=1)
    assert [label.decode() for label in answers["labels"].numpy()] == table.label.tolist()
