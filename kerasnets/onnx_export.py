"""A run as an ONNX file, for runtimes without TensorFlow."""

import importlib
import warnings

import keras
import numpy as np

from kerasnets.errors import FailureError, UserError
from kerasnets.evaluation import real_images
from kerasnets.files import whole_file

TOLERANCE = 1e-5


def write_onnx(trained, path):
    """Write a `Trained` network as ONNX, checked in onnxruntime before the file takes its name.

    Input `images` float32 (N, height, width, C) of the network's size, raw pixel values 0..255: the value
    steps of the preprocessing are inside, the spatial ones are not, because ONNX resizes otherwise.
    Output: class probabilities (N, classes).

    Raises:
        UserError: the packages of the extra `onnx` are not installed.
        FailureError: onnxruntime and the network do not agree.
    """
    try:
        importlib.import_module("tf2onnx")  # what Keras converts with
        import onnxruntime
    except ImportError as error:
        raise UserError(
            f"--format onnx needs {error.name}: install the extra, pip install 'kerasnets[onnx]'"
        ) from None
    inputs = keras.Input(trained.preprocessing.output_shape, name="images")
    logits = trained.network(keras.layers.Lambda(trained.preprocessing.values)(inputs))
    model = keras.Model(inputs, keras.ops.softmax(logits, axis=-1))
    images = np.concatenate([trained.preprocessing.spatial(image[None]) for image in real_images(trained)])
    right = np.asarray(model(images))  # called once: Keras exports no functional model before that
    with whole_file(path) as temporary:
        with warnings.catch_warnings():
            # Keras 3.15 asks whether NumPy has np.object
            warnings.simplefilter("ignore", FutureWarning)
            model.export(str(temporary), format="onnx", verbose=False)
        session = onnxruntime.InferenceSession(str(temporary), providers=["CPUExecutionProvider"])
        found = session.run(None, {session.get_inputs()[0].name: images})[0]
        worst = float(np.abs(found - right).max())
        if not worst <= TOLERANCE:
            raise FailureError(f"the ONNX file failed its check: probabilities differ by {worst:.1e}")
    print(f"checked on {len(images)} images in onnxruntime: largest difference {worst:.1e}")
    return path
