"""Every architecture is converted, and answers in each runtime as in memory."""

import numpy as np
import pytest
from bare_networks import bare_network
from small import small_input
from sweep import sweep

from kerasnets.exporting.formats.litert_file import write_litert
from kerasnets.exporting.formats.matrix_resampling import by_matrices
from kerasnets.exporting.formats.onnx_file import write_onnx
from kerasnets.exporting.formats.openvino_files import write_openvino
from kerasnets.exporting.runtimes.open_runtime import open_runtime
from kerasnets.models import BUILDERS

ENDLESS = ("resnet1202",)
"""Whose graph takes converters many minutes; it is resnet110's, longer."""

CONVERTED = [name for name in BUILDERS if name not in ENDLESS]
FIVE = ("lenet5", "alexnet_grouped", "googlenet", "inception_v3", "resnet20")
"""Converters take a minute each: these have grouped and factored convolutions, response and batch
normalization, branches, residuals."""


def _images(size, channels):
    """Images of the network's size, and of others."""
    draws = np.random.default_rng(0)
    shapes = ((2, *size), (1, 50, 70), (3, 90, 41), (2, 50, 70))  # OpenVINO allocates anew for more images
    return [draws.integers(0, 256, (*shape, channels), "uint8") for shape in shapes]


def _relative(found, right):
    return np.abs(found - right).max() / np.abs(right).max()


@pytest.mark.parametrize("name", sweep(CONVERTED, thorough=FIVE))
def test_each_architecture_answers_in_its_runtimes(name, tmp_path):
    member = bare_network(name, small_input(name))
    write_onnx([member], tmp_path / "model.onnx")
    write_openvino([member], tmp_path / "openvino")
    write_litert([member], tmp_path / "model.tflite", "float32")
    onnx, openvino, litert = (
        open_runtime(*each)
        for each in (
            ("onnx", tmp_path / "model.onnx"),
            ("openvino", tmp_path / "openvino"),
            ("litert", tmp_path / "model.tflite"),
        )
    )
    *size, channels = small_input(name)
    for images in _images(size, channels):
        # a first network's answers may hang on single pixels by more than runtimes differ, so that images are
        # compared by themselves: of noise, a value next to half a level is now and then rounded otherwise
        sized = member.preprocessing.spatial(images, by_matrices)
        levels = np.abs(sized - member.preprocessing.spatial(images))
        assert levels.max() <= 1
        assert (levels > 0).mean() < 3e-4
        right = member.predict(member.preprocessing.values(sized)).numpy()
        assert _relative(onnx(images), right) < 2e-5
        assert _relative(openvino(images), right) < 2e-5
        assert _relative(litert(sized.numpy().astype("uint8")), right) < 1e-4
