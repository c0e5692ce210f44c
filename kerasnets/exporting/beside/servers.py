"""How released servers are told to serve an export: TensorFlow Serving and Triton."""

from collections.abc import Iterator
from pathlib import Path

from kerasnets.exporting.beside.clients import PORT
from kerasnets.exporting.manifest import Manifest

SERVING_IMAGE = "tensorflow/serving:2.19.1"
"""The newest released server that exports are checked with the TensorFlow of, see docs/exporting.md."""

BATCH = 32
"""Images that Triton puts together into one batch at most."""

COMMAND = """#!/bin/sh
# TensorFlow Serving: REST on port {port}, gRPC on 8500. Run it in the folder above this one.
# --enable_batching is left out: images that differ in size, and files that are refused, would fail the others
# of their batch.
docker run --rm -p {port}:8501 -p 8500:8500 -v "$PWD:/models/{name}:ro" {image} \\
    --model_config_file=/models/{name}/serving/models.config
# without Docker:
# tensorflow_model_server --rest_api_port={port} --port=8500 --model_name={name} --model_base_path="$PWD"
"""

MODELS = """model_config_list {{
  config {{
    name: "{name}"
    base_path: "/models/{name}"
    model_platform: "tensorflow"
  }}
}}
"""

DOCKERFILE = """# docker build -t {name} -f serving/Dockerfile .   (in the folder above this one)
# docker run --rm -p {port}:8501 {name}
FROM {image}
COPY {version} /models/{name}/{version}
ENV MODEL_NAME={name}
"""

TRITON = """# Triton's repository: put model.onnx into {name}/1/, then
# tritonserver --model-repository=serving/triton
name: "{name}"
backend: "onnxruntime"
max_batch_size: {batch}
dynamic_batching {{ max_queue_delay_microseconds: 2000 }}
{tensors}"""


def write_serving_files(folder: Path, manifest: Manifest, onnx_file: Path | None) -> None:
    """Write what servers want into a new folder.

    Args:
        folder: where the files go.
        manifest: of the export; what is for TensorFlow Serving is written if it has a SavedModel.
        onnx_file: the model for Triton; None if the export has none.
    """
    folder.mkdir()
    values = {"name": manifest.served_name, "port": PORT, "batch": BATCH, "image": SERVING_IMAGE}
    if "saved_model" in manifest.formats:
        values["version"] = manifest.formats["saved_model"].path
        texts = {"tensorflow_serving.sh": COMMAND, "models.config": MODELS, "Dockerfile": DOCKERFILE}
        for name, text in texts.items():
            (folder / name).write_text(text.format(**values), encoding="utf-8")
        (folder / "tensorflow_serving.sh").chmod(0o755)
    if onnx_file:
        place = folder / "triton" / manifest.served_name
        place.mkdir(parents=True)
        tensors = "".join(_triton_tensors(onnx_file))
        (place / "config.pbtxt").write_text(TRITON.format(**values, tensors=tensors), encoding="utf-8")


def _triton_tensors(onnx_file: Path) -> Iterator[str]:
    """Yield the inputs and outputs of an ONNX file as Triton declares them: without their batch."""
    import onnx

    graph = onnx.load(str(onnx_file), load_external_data=False).graph
    for kind, tensors in (("input", graph.input), ("output", graph.output)):
        for tensor in tensors:
            declared = tensor.type.tensor_type
            name = onnx.TensorProto.DataType.Name(declared.elem_type)
            sizes = [size.dim_value or -1 for size in declared.shape.dim][1:]
            # Triton wants a size at least: one number an image is a list of one, that the model does not have
            shape = "dims: [ 1 ]\n  reshape { shape: [ ] }" if not sizes else f"dims: {sizes}"
            kept = {"FLOAT": "FP32", "DOUBLE": "FP64"}.get(name, name)
            yield f'{kind} {{\n  name: "{tensor.name}"\n  data_type: TYPE_{kept}\n  {shape}\n}}\n'
