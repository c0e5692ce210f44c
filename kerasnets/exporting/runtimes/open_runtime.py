"""The formats of an export in their runtimes: functions from images to predictions.

Each loads its runtime alone, so that it is checked and measured as its users have it.
"""

import importlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kerasnets.catalog.export_formats import ARCHITECTURE
from kerasnets.runtime import without_chatter

if TYPE_CHECKING:
    import keras

CUSTOM_LAYERS = (
    "kerasnets.layers.label_tree",
    "kerasnets.layers.normalization",
    "kerasnets.layers.zero_padding_shortcut",
    "kerasnets.models.lenet_1998",
)
"""Modules of layers that networks have and Keras has not."""

Predict = Callable[[np.ndarray], np.ndarray]
"""From images (N, height, width, C), as `ExportFormat.takes` says, to float32 (N, classes).

They are probabilities, or values of numeric targets; of "prepared" images the network's own outputs.
"""


def open_runtime(name: str, path: Path) -> Predict:
    """Return the function that an exported format is.

    Args:
        name: a key of `kerasnets.catalog.export_formats.EXPORT_FORMATS`.
        path: the format's file or folder.
    """
    return _RUNTIMES[name](path)


def _saved_model(path: Path) -> Predict:
    import tensorflow as tf

    model = tf.saved_model.load(str(path))
    serve = model.signatures["serve_uint8"]

    def predict(images: np.ndarray) -> np.ndarray:
        answers = serve(images=tf.constant(images))
        return answers["values" if "values" in answers else "probabilities"].numpy()

    predict.model = model  # type: ignore[attr-defined]  # a signature does not hold the variables it reads
    return predict


def _onnx(path: Path) -> Predict:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return lambda images: session.run(None, {"images": images})[0]


def _openvino(path: Path) -> Predict:
    import openvino

    # some processors would take bfloat16 by themselves
    exact = {"INFERENCE_PRECISION_HINT": "f32"}
    model = openvino.Core().compile_model(str(path / "model.xml"), "CPU", exact)
    return lambda images: np.array(model(images)[model.output(0)])


def _litert(path: Path) -> Predict:
    from ai_edge_litert.interpreter import Interpreter

    with without_chatter():
        interpreter = Interpreter(model_path=str(path), num_threads=os.cpu_count())
    (given,), (answer,) = interpreter.get_input_details(), interpreter.get_output_details()
    shape: tuple[int, ...] = ()

    def predict(images: np.ndarray) -> np.ndarray:
        nonlocal shape
        if images.shape != shape:
            interpreter.resize_tensor_input(given["index"], images.shape)
            with without_chatter():
                interpreter.allocate_tensors()
            shape = images.shape
        interpreter.set_tensor(given["index"], images)
        interpreter.invoke()
        return interpreter.get_tensor(answer["index"])

    return predict


def _keras(path: Path) -> Predict:
    import keras

    _register_layers()
    return _predictor(keras.models.load_model(path, compile=False))


def _weights_h5(path: Path) -> Predict:
    network = _architecture(path)
    network.load_weights(path)
    return _predictor(network)


def _safetensors(path: Path) -> Predict:
    from kerasnets.weights.loading import fitting_weights

    network = _architecture(path)
    fitting = fitting_weights(network, path)
    wanted = fitting.convention.tensors(network)
    for name, array in fitting.arrays.items():  # `assign` would say so to the user
        wanted[name][1].assign(array)
    return _predictor(network)


def _architecture(path: Path) -> "keras.Model":
    """Return the network that lies beside a file of weights alone."""
    import keras

    _register_layers()
    return keras.models.model_from_json(path.with_name(ARCHITECTURE).read_text(encoding="utf-8"))


def _register_layers() -> None:
    """Tell Keras the layers that it has not itself."""
    for name in CUSTOM_LAYERS:
        importlib.import_module(name)


def _predictor(network: "keras.Model") -> Predict:
    import tensorflow as tf

    signature = [tf.TensorSpec(network.input_shape, tf.float32)]
    predict = tf.function(lambda images: network(images, training=False), input_signature=signature)
    return lambda images: predict(images).numpy()


_RUNTIMES: dict[str, Callable[[Path], Predict]] = {
    "saved_model": _saved_model,
    "onnx": _onnx,
    "openvino": _openvino,
    "litert": _litert,
    "litert_float16": _litert,
    "litert_int8": _litert,
    "keras": _keras,
    "weights_h5": _weights_h5,
    "safetensors": _safetensors,
}
