"""The manifest of an export that nobody made."""

from kerasnets.exporting.manifest import ExportedFormat, Manifest

MANIFEST = Manifest(
    name="small", model="ab", created="2026-01-02T03:04:05Z", runs=("small",), architectures=("lenet5",),
    numeric=False, classes=("cat", "dög"), image_shape=(None, None, 3), input_shape=(32, 32, 3),
    spatial=([{"op": "resize", "size": [32, 32], "fit": "stretch", "method": "bilinear"}],), top_k=2,
    features=84, threshold=0.25, temperatures=(1.5,), max_pixels=1000, versions={"keras": "3.15.1"},
    formats={"onnx": ExportedFormat(
        path="model.onnx", bytes=4, largest_difference=1e-7, accuracy=0.5, accuracy_low=0.25,
        accuracy_high=0.75, milliseconds={"1": 1.5, "32": 0.5}, details={"opset": 18},
    )},
    files={},
)  # fmt: skip
