"""Serving: requests a second and their times, batched and not, beside plain calls of the SavedModel.

    python benchmarks/serving.py EXPORT [--clients 16] [--seconds 30] [--photo FILE]
    python benchmarks/serving.py --network resnet50 [--onnx]

EXPORT is a folder or an ONNX file. Each client sends one JPEG after another, over a connection of its own,
and asks for the label. The network's weights are random; its images have 224x224 pixels and 1000 classes.
Plain calls are of what the server calls, from one thread of one process, an image or a whole batch at a time.
"""

import argparse
import base64
import io
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

BATCH = 16

WARM_UP = 10
"""Seconds: on a GPU the first calls of each number of images prepare it."""


def main():
    """Run the benchmark and print a line for each side."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("export", nargs="?")
    parser.add_argument("--network")
    parser.add_argument("--onnx", action="store_true", help="serve the network as an ONNX file")
    parser.add_argument("--photo", type=Path)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=30)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        export = given.export or written(given.network or "resnet50", Path(folder), given.onnx)
        contents = given.photo.read_bytes() if given.photo else drawn_photo()
        for batch in (1, BATCH):
            print(
                f"plain calls, {batch} at a time: {plain(export, contents, batch, given.seconds)}", flush=True
            )
        for batch in (1, BATCH):
            found = serving(export, contents, batch, clients=given.clients, seconds=given.seconds)
            print(f"{given.clients} clients, batches of at most {batch}: {found}", flush=True)


def written(network, folder, onnx):
    """Write a network with random weights, in a process of its own; return the SavedModel or ONNX file."""
    path = folder / ("model.onnx" if onnx else "1")
    subprocess.run([sys.executable, "-c", WRITE, network, str(path)], check=True)
    return path


WRITE = """
import sys
from kerasnets import runtime
runtime.prepare()
from kerasnets.data.preprocessing.steps import Preprocessing
from pathlib import Path
from kerasnets.exporting.formats.onnx_file import write_onnx
from kerasnets.exporting.saved_model import write_saved_model
from kerasnets.models import build
from kerasnets.recipe import load_recipe
from kerasnets.runs.folding import folded
from kerasnets.runs.trained_run import TrainedNetwork

steps = [
    {"op": "resize", "short_side": 256, "method": "bilinear"}, {"op": "center_crop", "size": [224, 224]},
    {"op": "standardize", "mean": [123.675, 116.28, 103.53], "std": [58.395, 57.12, 57.375]},
]
network = TrainedNetwork(
    recipe=load_recipe("resnet50-imagenet"), network=folded(build(sys.argv[1], (224, 224, 3), 1000)),
    preprocessing=Preprocessing(steps, (None, None, 3)), classes=tuple(map(str, range(1000))),
)
write = write_onnx if sys.argv[2].endswith(".onnx") else write_saved_model
write([network], Path(sys.argv[2]))
"""


def drawn_photo():
    """Return a JPEG of 256x340 pixels of smooth noise."""
    from PIL import Image

    noise = np.random.default_rng(0).integers(0, 256, (16, 20, 3), "uint8")
    file = io.BytesIO()
    Image.fromarray(noise).resize((340, 256), Image.Resampling.BICUBIC).save(file, "JPEG", quality=90)
    return file.getvalue()


def plain(export, contents, batch, seconds):
    """Return in words how fast plain calls are, measured in a process of its own."""
    command = [sys.executable, "-c", PLAIN, str(export), str(batch), str(seconds)]
    done = subprocess.run(command, input=contents, capture_output=True, check=True)
    return done.stdout.decode().strip()


PLAIN = """
import sys, time
from kerasnets import runtime
runtime.prepare()
from pathlib import Path
import numpy as np
from kerasnets.serving.opened.export import open_export
model = open_export(Path(sys.argv[1]), 10**8).model
batch, seconds = int(sys.argv[2]), float(sys.argv[3])
files = {"contents": np.array([sys.stdin.buffer.read()] * batch, object)}
for _ in range(3):
    model.run("serve_bytes", files)
times, end, before = [], time.monotonic() + seconds, time.process_time()
while time.monotonic() < end:
    started = time.perf_counter()
    model.run("serve_bytes", files)
    times.append(time.perf_counter() - started)
used = 1000 * (time.process_time() - before) / (batch * len(times))
middle, late = 1000 * np.percentile(times, [50, 99])
speed = f"{batch * len(times) / sum(times):.1f} images/s, p50 {middle:.0f} ms, p99 {late:.0f} ms"
print(f"{speed}, {used:.0f} ms of processor time an image")
"""


def serving(export, contents, batch, *, clients, seconds):
    """Return in words how fast a server answers some clients."""
    options = ["--port", "0", "--max-batch", str(batch), "--name", "model"]
    command = [
        sys.executable,
        "-c",
        "from kerasnets.cli.main import main; main()",
        "serve",
        str(export),
        *options,
    ]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONUNBUFFERED": "1"}
    )
    try:
        port = urlsplit(process.stdout.readline().removeprefix("serve: ").strip()).port
        asked(port, contents, clients=clients, seconds=WARM_UP)
        before = processor_seconds(process.pid)
        times, took = asked(port, contents, clients=clients, seconds=seconds)
        used = processor_seconds(process.pid) - before
        rows = mean_batch(port)
    finally:
        process.terminate()
        process.wait()
    middle, late = 1000 * np.percentile(times, [50, 99])
    return (
        f"{len(times) / took:.1f} requests/s, p50 {middle:.0f} ms, p99 {late:.0f} ms, "
        f"{len(times):,} requests, {rows:.1f} images a batch, "
        f"{1000 * used / len(times):.0f} ms of processor time each"
    )


def processor_seconds(process):
    """Return how long a process has run on all cores: other programs beside it do not count."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def asked(port, contents, *, clients, seconds):
    """Have clients ask for some seconds; return the time of each answer, and how long it all took."""
    table = {
        "name": "contents",
        "datatype": "BYTES",
        "shape": [1],
        "data": [base64.b64encode(contents).decode()],
    }
    body = json.dumps({"inputs": [table], "outputs": [{"name": "labels"}]}).encode()
    times, started = [], time.monotonic()

    def client():
        connection = HTTPConnection("127.0.0.1", port)
        while time.monotonic() < started + seconds:
            begun = time.perf_counter()
            connection.request("POST", "/v2/models/model/infer", body)
            answer = connection.getresponse()
            text = answer.read()
            assert answer.status == 200, text
            times.append(time.perf_counter() - begun)
        connection.close()

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times, time.monotonic() - started


def mean_batch(port):
    """Return how many images a call of the model had on average."""
    connection = HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/metrics")
    lines = connection.getresponse().read().decode().splitlines()
    counted = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return float(counted["kerasnets_batch_images_sum"]) / float(counted["kerasnets_batch_images_count"])


if __name__ == "__main__":
    main()
