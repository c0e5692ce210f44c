"""An ONNX file in ONNX Runtime, on an NVIDIA GPU where there is one that it can use."""

import contextlib
import io
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kerasnets.errors import UserError, reason

log = logging.getLogger("kerasnets")

GPU = "CUDAExecutionProvider"

ON_GPU = {
    "use_tf32": 0,  # its 10 bits moved probabilities of photos by 1.5e-3, float32 by 1.4e-6 (GoogLeNet, H100)
    "cudnn_conv_algo_search": "HEURISTIC",  # an exhaustive search takes 0.5 s and gains a tenth
    "arena_extend_strategy": "kSameAsRequested",  # takes no more memory than it needs
}

SILENT = 4
"""Level of ONNX Runtime's own messages; what is wrong it raises too."""


class OnnxSession:
    """Runs an ONNX file.

    On a GPU ONNX Runtime prepares all convolutions anew whenever the number of images is another than in the
    call before, which takes longer than the call (its issue 23006). There images are filled up to the next
    power of two, and each power has a session of its own, made when it is first needed.

    Args:
        path: the file.

    Attributes:
        fixed: whether each number of images has a session of its own.

    Raises:
        UserError: onnxruntime is not installed, or the file is damaged.
    """

    def __init__(self, path: Path):
        self._path = path
        first = _opened(path)
        self._sessions = {1: first}
        self.fixed = first.get_providers()[0] == GPU
        self.inputs, self.outputs = first.get_inputs(), first.get_outputs()

    def run(self, names: Sequence[str], inputs: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """Return the outputs of these names, a row for each row of the inputs."""
        rows = len(next(iter(inputs.values())))
        if not self.fixed or not rows:
            return self._sessions[1].run(names, dict(inputs))
        size = 1 << (rows - 1).bit_length()
        if size not in self._sessions:
            self._sessions[size] = _opened(self._path)
        filled = {name: _filled(array, size) for name, array in inputs.items()}
        return [output[:rows] for output in self._sessions[size].run(names, filled)]


def _filled(array: np.ndarray, size: int) -> np.ndarray:
    """Return an array of as many rows, the last one repeated."""
    return np.concatenate([array, np.repeat(array[-1:], size - len(array), axis=0)])


def _opened(path: Path) -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise UserError(
            "serving ONNX needs onnxruntime: install the extra, pip install 'kerasnets[onnx]'"
        ) from None
    onnxruntime.set_default_logger_severity(SILENT)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = SILENT
    providers: list[Any] = ["CPUExecutionProvider"]
    built_for_gpus = GPU in onnxruntime.get_available_providers()
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # where it tells at length that it finds no GPU
            if built_for_gpus:
                onnxruntime.preload_dlls()  # CUDA's libraries of pip's packages
                providers.insert(0, (GPU, ON_GPU))
            session = onnxruntime.InferenceSession(str(path), options, providers=providers)
    except Exception as error:  # of a damaged file onnxruntime raises what it likes
        raise UserError(f"{path}: cannot be loaded as ONNX: {reason(error)}") from error
    if built_for_gpus and session.get_providers()[0] != GPU:
        needed = onnxruntime.cuda_version
        log.warning("onnxruntime finds no GPU that it can use with CUDA %s and cuDNN", needed)
    return session
