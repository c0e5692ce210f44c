"""ONNX files served: their own input, and encoded images, which the server decodes."""

import base64

import numpy as np
import onnx
import pytest
import tensorflow as tf
from fuzzed import jpeg, png_that_declares
from onnx import TensorProto, helper
from running_server import served

from kerasnets.data.images.image_file import ImageRules, read_image
from kerasnets.data.sources.load import load_dataset
from kerasnets.runs.ensemble import mean_predictions, open_runs
from kerasnets.serving.opened.onnx_model import OnnxModel
from kerasnets.serving.opened.onnx_session import OnnxSession

PREDICT = "/v1/models/model:predict"


@pytest.fixture(scope="module")
def means(tmp_path_factory):
    """A file that gives the mean of grey images of any size."""
    nodes = [
        helper.make_node("Cast", ["images"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["floats"], ["mean"], axes=[1, 2, 3], keepdims=0),
    ]
    images = helper.make_tensor_value_info("images", TensorProto.UINT8, ["N", "H", "W", 1])
    mean = helper.make_tensor_value_info("mean", TensorProto.FLOAT, ["N"])
    graph = helper.make_graph(nodes, "means", [images], [mean])
    path = tmp_path_factory.mktemp("onnx") / "model.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), str(path))
    return path


def test_pixels_and_files_by_both_protocols(means):
    image = np.arange(20, dtype="uint8").reshape(1, 4, 5, 1)
    file = base64.b64encode(tf.io.encode_png(image[0]).numpy()).decode()
    other = base64.b64encode(jpeg()).decode()
    mean = read_image(jpeg(), ImageRules(1)).mean()
    with served(means.parent) as running:
        assert running.post(PREDICT, {"instances": image.tolist()}) == (200, {"predictions": [9.5]})
        files = {"signature_name": "serve_bytes", "instances": [{"b64": file}, {"b64": other}]}
        status, answer = running.post(PREDICT, files)
        assert status == 200
        np.testing.assert_allclose(answer["predictions"], [9.5, mean], rtol=1e-6)
        status, answer = running.get("/v2/models/model")
        assert answer["platform"] == "onnx_onnxv1"
        assert answer["inputs"] == [{"name": "images", "datatype": "UINT8", "shape": [-1, -1, -1, 1]}]
        table = {"name": "contents", "datatype": "BYTES", "shape": [2], "data": [file, other]}
        status, answer = running.post("/v2/models/model/infer", {"inputs": [table]})
        assert answer["outputs"][0]["shape"] == [2]
        np.testing.assert_allclose(answer["outputs"][0]["data"], [9.5, mean], rtol=1e-6)
        status, answer = running.get("/v1/models/model/metadata")
        signature = answer["metadata"]["signature_def"]["signature_def"]["serve_bytes"]
        assert signature["inputs"]["contents"]["dtype"] == "DT_STRING"


@pytest.fixture(scope="module")
def calls(tmp_path_factory):
    """A file that gives the mean of grey images, and with how many images each was called."""
    count = [
        helper.make_node("Shape", ["images"], ["count"], start=0, end=1),
        helper.make_node("Cast", ["count"], ["together"], to=TensorProto.FLOAT),
        helper.make_node("Cast", ["images"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["floats"], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Expand", ["together", "count"], ["calls"]),
    ]
    images = helper.make_tensor_value_info("images", TensorProto.UINT8, ["N", "H", "W", 1])
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N"]) for name in ("mean", "calls")]
    graph = helper.make_graph(count, "calls", [images], outputs)
    path = tmp_path_factory.mktemp("onnx") / "calls.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8), str(path))
    return path


def test_files_of_one_size_go_through_the_model_together(calls):
    sizes = [(4, 5), (5, 4), (4, 5), (4, 5), (20, 1), (5, 4)]
    files = [
        tf.io.encode_png(np.full((*size, 1), value, "uint8")).numpy() for value, size in enumerate(sizes)
    ]
    found = OnnxModel(calls, 10**6).run("serve_bytes", {"contents": np.array(files, object)})
    assert found["mean"].tolist() == [0, 1, 2, 3, 4, 5]
    assert found["calls"].tolist() == [3, 2, 3, 3, 1, 2]


def test_on_a_gpu_images_are_filled_up_to_a_power_of_two(calls):
    session = OnnxSession(calls)
    session.fixed = True  # as it is on a GPU
    for rows, size in ((1, 1), (3, 4), (4, 4), (5, 8), (1, 1), (16, 16)):
        images = np.arange(rows, dtype="uint8").reshape(rows, 1, 1, 1).repeat(6, 1)
        mean, together = session.run(["mean", "calls"], {"images": images})
        assert mean.tolist() == list(range(rows))
        assert together.tolist() == [size] * rows


def test_files_that_are_refused(means):
    cut, bomb = jpeg()[:200], png_that_declares(30_000, 30_000)
    with served(means) as running:
        for file, said in ((cut, "image 0: "), (bomb, "900,000,000 pixels"), (b"", "found nothing")):
            body = {"signature_name": "serve_bytes", "inputs": [{"b64": base64.b64encode(file).decode()}]}
            status, answer = running.post(PREDICT, body)
            assert status == 422
            assert said in answer["error"]


@pytest.mark.exhaustive
def test_an_exported_file_answers_as_the_run_does(default_run, tmp_path):
    from kerasnets.exporting.formats.onnx_file import write_onnx

    members = open_runs(default_run, "serve")
    write_onnx(members, tmp_path / "model.onnx")
    images = load_dataset("digits").test.images[:20]
    right = np.asarray(mean_predictions(members, images))
    with served(tmp_path) as running:
        status, answer = running.post(PREDICT, {"instances": images.tolist()})
        assert status == 200, answer
        found = [row["probabilities"] for row in answer["predictions"]]
        np.testing.assert_allclose(found, right, atol=1e-5)
        assert [int(row["labels"]) for row in answer["predictions"]] == right.argmax(1).tolist()
        status, answer = running.post("/look", tf.io.encode_png(images[0]).numpy())
        assert status == 200, answer
        assert answer["top"][0]["class"] == right[0].argmax()
