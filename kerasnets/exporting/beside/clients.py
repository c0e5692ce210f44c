"""Clients of a served model, in ten lines each, which need nothing but Python or curl."""

from pathlib import Path

from kerasnets.exporting.manifest import Manifest

PORT = 8501
"""On which TensorFlow Serving, and `kerasnets serve`, answer REST."""

PYTHON_OF_FILES = """# what the model says of image files: python predict.py http://localhost:{port} PHOTO...
import base64, json, sys, urllib.request

server, *paths = sys.argv[1:]
files = [base64.b64encode(open(path, "rb").read()).decode() for path in paths]
body = {{"signature_name": "serve_bytes", "instances": [{{"contents": {{"b64": file}}}} for file in files]}}
request = urllib.request.Request(f"{{server}}/v1/models/{name}:predict", json.dumps(body).encode())
request.add_header("Content-Type", "application/json")
for path, answer in zip(paths, json.load(urllib.request.urlopen(request))["predictions"]):
    print(path, {answer})
"""

PYTHON_OF_ARRAYS = """# what the model says of NumPy files, each an image, uint8 (height, width, {channels}):
# python predict.py http://localhost:{port} IMAGE.npy...
import json, sys, urllib.request
import numpy as np

server, *paths = sys.argv[1:]
for path in paths:
    body = {{"signature_name": "serve_uint8", "instances": [np.load(path).tolist()]}}
    request = urllib.request.Request(f"{{server}}/v1/models/{name}:predict", json.dumps(body).encode())
    request.add_header("Content-Type", "application/json")
    (answer,) = json.load(urllib.request.urlopen(request))["predictions"]
    print(path, {answer})
"""

CURL = """# What the server says of the model, of its inputs and outputs, and of an image file.
curl http://localhost:{port}/v1/models/{name}
curl http://localhost:{port}/v1/models/{name}/metadata
printf '{{"signature_name": "serve_bytes", "instances": [{{"contents": {{"b64": "%s"}}}}]}}' \\
    "$(base64 < photo.jpg | tr -d '\\n')" |
    curl -H "Content-Type: application/json" -d @- http://localhost:{port}/v1/models/{name}:predict
"""


def write_clients(folder: Path, manifest: Manifest) -> None:
    """Write predict.py and, where the model takes files, curl.sh into a new folder."""
    folder.mkdir()
    channels = manifest.input_shape[-1]
    top = 'answer["labels"], *zip(answer["top_labels"], answer["top_probabilities"])'
    answer = "*answer" if manifest.numeric else top
    values = {"port": PORT, "name": manifest.served_name, "channels": channels, "answer": answer}
    python = PYTHON_OF_FILES if channels in (1, 3) else PYTHON_OF_ARRAYS
    (folder / "predict.py").write_text(python.format(**values), encoding="utf-8")
    if channels in (1, 3):
        (folder / "curl.sh").write_text(CURL.format(**values), encoding="utf-8")
