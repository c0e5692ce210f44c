"""One side of the inference benchmark, in a process of its own: prints images a second.

    python benchmarks/inferring.py export NETWORK FOLDER
    python benchmarks/inferring.py SIDE NETWORK FOLDER BATCH SECONDS

Every side is given uint8 images of the network's size in memory, channels last, scales them to 0..1 and gives
class probabilities, float32. `export` writes what the sides saved_model, onnx and openvino then load; `torch`
and `compiled` are PyTorch's, eager and by `torch.compile`.
"""

import statistics
import sys
import time
from pathlib import Path

import numpy as np
from program import images_of
from stepping import CASES, WITH_DROPOUT

FEWEST = 5
"""Calls that are timed at least."""


def export(network, folder):
    """Write the network in every format, with the weights that it starts training from."""
    from kerasnets import runtime

    runtime.prepare()
    import kerasnets
    from kerasnets.benchmarking.case import make_case
    from kerasnets.data.preprocessing.steps import Preprocessing
    from kerasnets.exporting.formats.onnx_file import write_onnx
    from kerasnets.exporting.formats.openvino_files import write_openvino
    from kerasnets.exporting.saved_model import write_saved_model
    from kerasnets.runs.folding import folded
    from kerasnets.runs.trained_run import TrainedNetwork

    shape, classes, batch = CASES[network]
    options = {"dropout": 0.0} if network in WITH_DROPOUT else {}
    member = TrainedNetwork(
        recipe=make_case(network, batch=batch, options=options or None).recipe,
        network=folded(kerasnets.build(network, shape, classes, **options)),
        preprocessing=Preprocessing([{"op": "scale", "to": [0.0, 1.0]}], shape).fit(None),
        classes=tuple(map(str, range(classes))),
    )
    write_saved_model([member], folder / "1")
    write_onnx([member], folder / "model.onnx")
    write_openvino([member], folder / "openvino")


def exported(name, folder):
    """Return the function that an exported format is, in its own runtime."""
    from kerasnets.catalog.export_formats import EXPORT_FORMATS
    from kerasnets.exporting.runtimes.open_runtime import open_runtime

    return open_runtime(name, folder / EXPORT_FORMATS[name].path)


def torch(network, compiling=lambda function: function):
    """Return the function of PyTorch's network."""
    import torch as library
    from torch_networks import NETWORKS

    model = NETWORKS[network]().eval().to(memory_format=library.channels_last)

    def forward(images):
        scaled = images.permute(0, 3, 1, 2).float().div_(255)
        return library.softmax(model(scaled), 1)

    run = compiling(forward)

    def predict(images):
        with library.inference_mode():
            return run(library.from_numpy(images)).numpy()

    return predict


def compiled(network):
    """Return the same compiled by `torch.compile`."""
    import torch as library

    return torch(network, library.compile)


def rate(predict, images, seconds):
    """Return images a second: the median over calls for some seconds, after two that are not counted."""
    for _ in range(2):
        assert predict(images).shape[0] == len(images)
    times = []
    while sum(times) < seconds or len(times) < FEWEST:
        started = time.perf_counter()
        predict(images)
        times.append(time.perf_counter() - started)
    return len(images) / statistics.median(times)


def main(side, network, folder, batch="1", seconds="10"):
    """Export, or print one side's images a second."""
    if side == "export":
        export(network, Path(folder))
        print("true")
        return
    shape, classes, _ = CASES[network]
    predict = {"torch": torch, "compiled": compiled}[side](network) if side in ("torch", "compiled") else None
    images, _ = images_of(shape, classes, int(batch))
    print(rate(predict or exported(side, Path(folder)), np.ascontiguousarray(images), float(seconds)))


if __name__ == "__main__":
    main(*sys.argv[1:])
