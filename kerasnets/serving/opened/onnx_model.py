"""An ONNX file that is served, in ONNX Runtime."""

import os
import warnings
from collections import defaultdict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from kerasnets.data.images.image_file import ImageRefusedError, ImageRules, read_image
from kerasnets.errors import reason
from kerasnets.serving.opened.model import (
    DATATYPES,
    DEFAULT_SIGNATURE,
    FILES,
    STRING,
    ModelRefusedError,
    Signature,
    Tensor,
)
from kerasnets.serving.opened.onnx_session import OnnxSession

OF_FILES = "serve_bytes"
"""The signature that takes encoded images, which are decoded here: ONNX has no operators for them."""

DTYPES = {
    "tensor(float)": "float32",
    "tensor(uint8)": "uint8",
    "tensor(int64)": "int64",
    "tensor(string)": STRING,
}


class OnnxModel:
    """An ONNX file of one input, loaded.

    Where it takes images of any height and width, it has a signature for encoded images too.

    Args:
        path: the file.
        max_pixels: an encoded image that declares more is not decoded.

    Raises:
        UserError: onnxruntime is not installed, or the file is damaged.
    """

    platform = "onnx_onnxv1"

    def __init__(self, path: Path, max_pixels: int):
        self._session = OnnxSession(path)
        self._decoders = ThreadPoolExecutor(os.cpu_count(), "decoder")
        inputs = tuple(_tensor(each) for each in self._session.inputs)
        outputs = tuple(_tensor(each) for each in self._session.outputs)
        self.signatures = {DEFAULT_SIGNATURE: Signature(inputs, outputs)}
        images = inputs[0]
        if images.dtype == "uint8":
            self.signatures["serve_uint8"] = self.signatures[DEFAULT_SIGNATURE]
        if len(images.shape) == 4 and images.shape[1:3] == (None, None) and images.shape[3] in (1, 3):
            self._rules = ImageRules(images.shape[3], max_pixels=max_pixels)
            self.signatures[OF_FILES] = Signature((Tensor(FILES, STRING, (None,)),), outputs)
        self.definitions = {name: _definition(each) for name, each in self.signatures.items()}

    def run(self, signature: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return the outputs of a signature; see `ServedModel.run`."""
        if signature == OF_FILES:
            return self._run_files(inputs[FILES])
        names = [each.name for each in self.signatures[signature].outputs]
        try:
            outputs = self._session.run(names, inputs)
        except Exception as error:  # onnxruntime's own exceptions share no public base
            raise ModelRefusedError(reason(error)) from error
        return dict(zip(names, outputs, strict=True))

    def _run_files(self, files: np.ndarray) -> dict[str, np.ndarray]:
        """Decode files, and predict those of one size together."""
        images = self.signatures[DEFAULT_SIGNATURE].inputs[0]
        with warnings.catch_warnings():  # here: the filters are one for all threads
            warnings.simplefilter("ignore")
            decoded = list(self._decoders.map(self._decoded, range(len(files)), files))
        places = defaultdict(list)
        for place, pixels in enumerate(decoded):
            places[pixels.shape].append(place)
        answers: list[dict[str, np.ndarray]] = [{}] * len(files)
        for together in places.values():
            pixels = np.stack([decoded[place] for place in together]).astype(images.dtype)
            found = self.run(DEFAULT_SIGNATURE, {images.name: pixels})
            for row, place in enumerate(together):
                answers[place] = {name: output[row] for name, output in found.items()}
        return {name: np.stack([answer[name] for answer in answers]) for name in answers[0]}

    def _decoded(self, number: int, contents: bytes) -> np.ndarray:
        try:
            return read_image(contents, self._rules)
        except ImageRefusedError as error:
            raise ModelRefusedError(f"image {number}: {error}") from error


def _tensor(node: Any) -> Tensor:
    """Return an input or output as ONNX Runtime describes it; sizes that vary have names there."""
    return Tensor(node.name, DTYPES[node.type], tuple(n if isinstance(n, int) else None for n in node.shape))


def _definition(signature: Signature) -> dict[str, Any]:
    return {
        "inputs": {each.name: _described(each) for each in signature.inputs},
        "outputs": {each.name: _described(each) for each in signature.outputs},
        "method_name": "tensorflow/serving/predict",
    }


def _described(tensor: Tensor) -> dict[str, Any]:
    sizes = [{"size": str(-1 if size is None else size), "name": ""} for size in tensor.shape]
    return {
        "dtype": DATATYPES[tensor.dtype].tensorflow,
        "tensor_shape": {"dim": sizes, "unknown_rank": False},
        "name": tensor.name,
    }
