"""A SavedModel that is served."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf
from google.protobuf.json_format import MessageToDict
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel as SavedModelFile

from kerasnets.errors import UserError, graph_cause, reason
from kerasnets.serving.opened.model import STRING, ModelRefusedError, Signature, Tensor


class SavedModel:
    """A SavedModel, loaded.

    Args:
        path: its folder.

    Raises:
        UserError: it is none, or is damaged.
    """

    platform = "tensorflow_savedmodel"

    def __init__(self, path: Path):
        try:
            self._model = tf.saved_model.load(str(path))
            contents = SavedModelFile.FromString((path / "saved_model.pb").read_bytes())
        except Exception as error:  # of a damaged file TensorFlow and protobuf raise what they like
            raise UserError(f"{path}: cannot be loaded as a SavedModel: {reason(error)}") from error
        self._functions = dict(self._model.signatures)
        self.signatures = {name: _signature(function) for name, function in self._functions.items()}
        self.definitions = {
            name: MessageToDict(
                definition, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
            )
            for name, definition in contents.meta_graphs[0].signature_def.items()
        }

    def run(self, signature: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return the outputs of a signature; see `ServedModel.run`."""
        tensors = {
            name: tf.constant(array.tolist() if array.dtype == object else array)
            for name, array in inputs.items()
        }
        try:
            outputs = self._functions[signature](**tensors)
        except tf.errors.InvalidArgumentError as error:
            raise ModelRefusedError(graph_cause(error)) from error
        return {name: output.numpy() for name, output in outputs.items()}


def _signature(function: "tf.types.experimental.ConcreteFunction") -> Signature:
    takes = function.structured_input_signature[1]
    return Signature(
        tuple(_tensor(name, takes[name]) for name in sorted(takes)),
        tuple(_tensor(name, spec) for name, spec in sorted(function.structured_outputs.items())),
    )


def _tensor(name: str, spec: tf.TensorSpec) -> Tensor:
    dtype = STRING if spec.dtype == tf.string else spec.dtype.name
    return Tensor(name, dtype, tuple(spec.shape.as_list()))
