"""Formats for other runtimes: they answer as the run does, say what they are, and are verified there."""

import json
import shutil

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
from safetensors.numpy import load_file
from scipy.special import softmax

import kerasnets
from kerasnets.data.sources.load import load_dataset
from kerasnets.exporting.manifest import Manifest
from kerasnets.exporting.runtimes import packages
from kerasnets.exporting.runtimes.open_runtime import open_runtime
from kerasnets.runs.ensemble import mean_predictions, open_runs
from kerasnets.runs.trained_run import open_run


@pytest.fixture(scope="module")
def digits():
    return load_dataset("digits").test


@pytest.fixture(scope="module")
def right(default_run, digits):
    """What the run predicts of 100 test images."""
    return np.asarray(mean_predictions(open_runs(default_run, "test"), digits.images[:100]))


@pytest.fixture(scope="module")
def small_export(default_run, tmp_path_factory):
    """The formats that are written quickly."""
    folder = tmp_path_factory.mktemp("formats")
    return kerasnets.export(default_run, folder, kind=["litert_int8", "keras", "weights_h5", "safetensors"])


def test_onnx_takes_raw_images_of_any_size(default_run, default_export, digits, right):
    session = onnxruntime.InferenceSession(default_export / "model.onnx")
    found, classes, labels = session.run(
        ["probabilities", "classes", "labels"], {"images": digits.images[:100]}
    )
    np.testing.assert_allclose(found, right, atol=1e-4)
    np.testing.assert_array_equal(classes, right.argmax(1))
    assert labels.tolist() == [str(each) for each in right.argmax(1)]
    large = np.random.default_rng(0).integers(0, 256, (3, 61, 40, 1), "uint8")
    same = np.asarray(mean_predictions(open_runs(default_run, "test"), large))
    np.testing.assert_allclose(session.run(None, {"images": large})[0], same, atol=1e-4)


def test_onnx_says_what_it_is(default_export):
    model = onnx.load(default_export / "model.onnx")
    versions = {each.domain: each.version for each in model.opset_import}
    assert versions[""] == 18 == Manifest.read(default_export).formats["onnx"].details["opset"]
    metadata = {each.key: each.value for each in model.metadata_props}
    assert json.loads(metadata["classes"]) == [str(digit) for digit in range(10)]
    assert json.loads(metadata["architectures"]) == ["lenet5"]


@pytest.mark.exhaustive
def test_int8_names_the_same_digits(default_run, small_export, digits, right):
    sized = open_run(default_run, "test").preprocessing.spatial(digits.images[:100])
    found = open_runtime("litert_int8", small_export / "model_int8.tflite")(sized.numpy().astype("uint8"))
    assert (found.argmax(1) == right.argmax(1)).mean() >= 0.99
    assert Manifest.read(small_export).formats["litert_int8"].details["calibration_images"] == 200


def test_weight_files_hold_the_networks_own(default_run, small_export, digits, right):
    network, prepare = open_run(default_run, "test").network, open_run(default_run, "test").preprocessing
    loaded = keras.models.load_model(small_export / "model.keras", compile=False)
    other = keras.models.model_from_json((small_export / "network.json").read_text())
    other.load_weights(small_export / "model.weights.h5")
    for made in (loaded, other):
        answers = softmax(np.asarray(made(prepare(digits.images[:100]))), axis=1)
        np.testing.assert_allclose(answers, right, atol=1e-5)
    tensors = load_file(small_export / "model.safetensors")
    assert {name: array.shape for name, array in tensors.items()} == {
        f"{layer.name}/{weight.name}": tuple(weight.shape)
        for layer in network.layers
        for weight in layer.weights
    }


def test_an_export_is_verified_where_it_lies(small_export, tmp_path, command, refused):
    export = shutil.copytree(small_export, tmp_path / "export")
    manifest = Manifest.read(export)
    for name in ("keras", "weights_h5", "safetensors"):  # each would load TensorFlow in a process of its own
        del manifest.formats[name]
    manifest.write(export)
    code, output, errors = command("verify", export)
    assert code == 0, errors
    assert f"{len(manifest.files)} of {len(manifest.files)} files are as they were exported" in output
    assert "litert_int8: the same answers to 16 images" in output
    _change(export / "sample.npz", manifest, export, of_images=lambda found: found[:, ::-1])
    code, output, _ = command("verify", export)
    assert code == 1
    assert "litert_int8: other answers: largest difference" in output
    (export / "model.keras").write_bytes(b"other")
    code, output, _ = command("verify", export)
    assert code == 1
    assert "model.keras: found 5 bytes" in output
    (export / "sample.npz").unlink()
    assert "sample.npz: missing or changed" in refused("verify", export)
    assert "no export.json here" in refused("verify", tmp_path)
    for name in ("verify", "serve"):
        assert refused(name, tmp_path).endswith(f"; did you mean {export}?\n")


def _change(path, manifest, folder, **changes):
    """Change arrays of an archive, and list its new checksum, as somebody who means harm would."""
    from dataclasses import replace

    from kerasnets.exporting.manifest import list_files

    with np.load(path) as stored:
        arrays = {name: stored[name] for name in stored.files}
    np.savez(path, **arrays | {name: change(arrays[name]) for name, change in changes.items()})
    replace(manifest, files=manifest.files | list_files(folder, [path.name])).write(folder)


def test_what_is_missing_is_named(default_run, monkeypatch, tmp_path, refused):
    monkeypatch.setattr(packages, "find_spec", lambda name: None if name == "openvino" else name)
    said = refused("export", default_run, "--to", tmp_path / "a", "--format", "openvino")
    assert "--format openvino needs openvino: install the extra, pip install 'kerasnets[openvino]'" in said
    assert "did you mean 'onnx'" in refused("export", default_run, "--format", "onxx")
    assert not (tmp_path / "a").exists()


@pytest.mark.exhaustive
def test_all_formats_end_in_one_table(default_run, digits, tmp_path, command):
    code, output, errors = command("export", default_run, "--to", tmp_path, "--all")
    assert code == 0, errors
    manifest = Manifest.read(tmp_path)
    assert len(manifest.formats) == 9
    right = np.asarray(mean_predictions(open_runs(default_run, "test"), digits.images)).argmax(1)
    accuracy = (right == digits.labels).mean()
    for name, record in manifest.formats.items():
        (line,) = (each for each in output.splitlines() if each.strip().startswith(f"{name} "))
        assert abs(record.accuracy - accuracy) <= (0.01 if name == "litert_int8" else 0), line
        assert f"{record.accuracy:.4f}" in line
        assert record.accuracy_low < record.accuracy < record.accuracy_high
        assert record.milliseconds.keys() == {"1", "32"}
    code, output, errors = command("verify", tmp_path)
    assert code == 0, output
    assert output.count("the same answers") == 9
