"""Exports are loaded and run by the TensorFlow of released servers."""

import os
import subprocess

import numpy as np
import pytest
from environments import tensorflow_environment
from tensorflow_alone import files_as_inputs, tensorflow_alone
from untrained_runs import write_run

import kerasnets
from kerasnets.data.images.planted_files import planted_files
from kerasnets.exporting import serving_check


@pytest.fixture(scope="module")
def exports(default_run, tmp_path_factory):
    """Exports of two runs: LeNet-5 on digits, and a residual network on colour and all kinds of files."""
    folder = tmp_path_factory.mktemp("exports")
    files = planted_files()
    residual = write_run(
        folder / "residual",
        [
            "model.name=resnet_cifar",
            "preprocess=[{op='resize', size=[32, 32]}, {op='scale', to=[-1, 1]}]",
        ],
        classes=["ant", "bee", "wasp"],
        samples=[files["colour.png"], files["turned_6.jpg"]],
        image_shape=(None, None, 3),
        set_weights=lambda network: None,
    )
    return [kerasnets.export(default_run, folder / "digits").parent, kerasnets.export(residual).parent]


@pytest.mark.exhaustive
@pytest.mark.parametrize("version", ["2.18", "2.19", "2.20"])
def test_exports_answer_the_same(version, exports, tmp_path):
    python = tensorflow_environment(version)
    settings = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    for export in exports:
        check = [str(python), "-I", serving_check.__file__, str(export / "1"), str(export / "sample.npz")]
        done = subprocess.run(check, capture_output=True, text=True, env=settings)
        assert done.returncode == 0, done.stderr
        assert "largest difference" in done.stdout
    images = np.random.default_rng(0).integers(0, 256, (17, 20, 30, 3), "uint8")
    inputs = {"serve_uint8/images": images, "features/images": images.astype("float32")}
    inputs |= files_as_inputs("serve_bytes", [planted_files()["transparent.png"]] * 3)
    with tensorflow_alone(tmp_path) as ask, tensorflow_alone(tmp_path, python) as ask_other:
        right, _ = ask(exports[1] / "1", inputs)
        found, used = ask_other(exports[1] / "1", inputs)
    assert used.startswith(version)
    assert found.keys() == right.keys()
    for name, values in right.items():
        if values.dtype.kind == "f":
            np.testing.assert_allclose(found[name], values, rtol=1e-4, atol=1e-6, err_msg=name)
        else:
            np.testing.assert_array_equal(found[name], values, name)
