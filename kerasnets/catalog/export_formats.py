"""The formats that a run can be exported to. Loads nothing."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ExportFormat:
    """A format.

    Attributes:
        path: file or folder within the export's; of the SavedModel the first, later ones count on.
        about: what it is, in words.
        takes: what it is given: "raw" images of any height and width, "sized" images of the network's
            size, or "prepared" ones, of which value steps have been taken too.
        packages: what is imported to write or to run it, beyond what kerasnets always needs.
        extra: the extra of kerasnets that installs them; None where there is none.
    """

    path: str
    about: str
    takes: str
    packages: tuple[str, ...] = ()
    extra: str | None = None


EXPORT_FORMATS = {
    "saved_model": ExportFormat("1", "TensorFlow's SavedModel", "raw"),
    "onnx": ExportFormat(
        "model.onnx", "ONNX, everything inside", "raw", ("tf2onnx", "onnx", "onnxruntime"), "onnx"
    ),
    "openvino": ExportFormat("openvino", "OpenVINO, everything inside", "raw", ("openvino",), "openvino"),
    "litert": ExportFormat("model.tflite", "LiteRT in float32", "sized", ("ai_edge_litert",), "litert"),
    "litert_float16": ExportFormat(
        "model_float16.tflite", "LiteRT, weights in float16", "sized", ("ai_edge_litert",), "litert"
    ),
    "litert_int8": ExportFormat(
        "model_int8.tflite", "LiteRT in int8", "sized", ("ai_edge_litert",), "litert"
    ),
    "keras": ExportFormat("model.keras", "the network as Keras saves it", "prepared"),
    "weights_h5": ExportFormat("model.weights.h5", "its weights as Keras saves them", "prepared"),
    "safetensors": ExportFormat(
        "model.safetensors", "its weights, by PyTorch's names where PyTorch has the network", "prepared"
    ),
}
"""By name, in the order of `kerasnets export --all`."""

ARCHITECTURE = "network.json"
"""Beside files of weights alone: the network without them, which `keras.models.model_from_json` reads."""
