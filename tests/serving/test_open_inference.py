"""The Open Inference Protocol, version 2: requests and answers of its specification, inference_rest.md."""

import base64

import numpy as np
import pytest
import tensorflow as tf

import kerasnets
from kerasnets.data.sources.load import load_dataset
from kerasnets.runs.ensemble import mean_predictions, open_runs

MODEL = "/v2/models/digits"


@pytest.fixture(scope="module")
def images():
    return load_dataset("digits").test.images[:3]


@pytest.fixture(scope="module")
def right(default_run, images):
    return np.asarray(mean_predictions(open_runs(default_run, "test"), images))


def test_health_and_metadata(server):
    assert server.get("/v2/health/live") == (200, {"live": True})
    assert server.get("/v2/health/ready")[0] == 200
    assert server.get(f"{MODEL}/ready") == (200, {"name": "digits", "ready": True})
    about = {"name": "kerasnets", "version": kerasnets.__version__, "extensions": []}
    assert server.get("/v2") == server.get("/v2/") == (200, about)
    status, answer = server.get(MODEL)
    assert server.get(f"{MODEL}/versions/1") == (status, answer)
    assert (status, answer["name"], answer["versions"]) == (200, "digits", ["1"])
    assert answer["platform"] == "tensorflow_savedmodel"
    assert answer["inputs"] == [{"name": "images", "datatype": "FP32", "shape": [-1, -1, -1, 1]}]
    outputs = {each["name"]: (each["datatype"], each["shape"]) for each in answer["outputs"]}
    assert outputs["probabilities"] == ("FP32", [-1, 10])
    assert outputs["labels"] == ("BYTES", [-1])
    assert "contents BYTES" in answer["properties"]["alternative_inputs"]


def test_infer_takes_floats_bytes_and_files(server, images, right):
    files = [base64.b64encode(tf.io.encode_png(each).numpy()).decode() for each in images]
    shape = list(images.shape)
    for table in (
        {"name": "images", "datatype": "FP32", "shape": shape, "data": images.ravel().tolist()},
        {"name": "images", "datatype": "UINT8", "shape": shape, "data": images.ravel().tolist()},
        {"name": "images", "datatype": "UINT8", "shape": shape, "data": images.tolist()},
        {"name": "contents", "datatype": "BYTES", "shape": [3], "data": files},
    ):
        status, answer = server.post(f"{MODEL}/infer", {"id": "42", "inputs": [table]})
        assert status == 200, answer
        assert (answer["model_name"], answer["model_version"], answer["id"]) == ("digits", "1", "42")
        outputs = {each["name"]: each for each in answer["outputs"]}
        found = outputs["probabilities"]
        assert (found["datatype"], found["shape"]) == ("FP32", [3, 10])
        np.testing.assert_allclose(np.reshape(found["data"], (3, 10)), right, atol=1e-6)
        assert outputs["classes"] == {
            "name": "classes", "datatype": "INT64", "shape": [3], "data": right.argmax(1).tolist(),
        }  # fmt: skip
        assert [int(label) for label in outputs["labels"]["data"]] == right.argmax(1).tolist()


def test_only_the_outputs_that_are_asked_for(server, images):
    table = {"name": "images", "datatype": "UINT8", "shape": [1, 8, 8, 1], "data": images[0].ravel().tolist()}
    status, answer = server.post(
        f"{MODEL}/versions/1/infer", {"inputs": [table], "outputs": [{"name": "classes"}]}
    )
    assert status == 200
    assert [each["name"] for each in answer["outputs"]] == ["classes"]
    assert "id" not in answer


GOOD = {"name": "images", "datatype": "UINT8", "shape": [1, 1, 1, 1], "data": [0]}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "inputs: found null"),
        ({"inputs": []}, "inputs: found an empty list"),
        ({"inputs": [1]}, "inputs: found a number at 0"),
        ({"inputs": [{"name": "images"}]}, "inputs: datatype: found null at 0"),
        (
            {"inputs": [GOOD | {"name": "picture"}]},
            "found picture UINT8, allowed: images FP32 or images UINT8",
        ),
        ({"inputs": [GOOD | {"datatype": "INT32"}]}, "found images INT32"),
        ({"inputs": [GOOD, GOOD]}, "found one name twice"),
        ({"inputs": [GOOD | {"shape": [1, 8, 8, 1]}]}, "data: found 1 values, allowed: 64"),
        ({"inputs": [GOOD | {"shape": [1, 10**9, 10**9, 1]}]}, "data: found 1 values"),
        ({"inputs": [GOOD | {"shape": [1, -1, -1, 1]}]}, "shape: found"),
        ({"inputs": [GOOD | {"shape": [True, 1, 1, 1]}]}, "shape: found"),
        ({"inputs": [GOOD | {"shape": [0, 1, 1, 1], "data": []}]}, "found the shape [0, 1, 1, 1]"),
        ({"inputs": [GOOD | {"shape": [1, 1, 1, 3], "data": [0, 0, 0]}]}, "allowed: [any, any, any, 1]"),
        ({"inputs": [GOOD | {"data": [[0, 0]]}]}, "found a list of 2 where a list of 1 was expected"),
        ({"inputs": [GOOD | {"data": [256]}]}, "256 out of bounds for uint8"),
        ({"inputs": [GOOD], "outputs": [{"name": "logits"}]}, "outputs: found 'logits', allowed: "),
        ({"inputs": [GOOD], "outputs": ["classes"]}, "outputs: found a text at 0"),
        ({"inputs": [{"name": "contents", "datatype": "BYTES", "shape": [1], "data": ["?"]}]}, "no base64"),
        (
            {"inputs": [{"name": "contents", "datatype": "BYTES", "shape": [1], "data": [7]}]},
            "a text in base64",
        ),
        (
            b'{"inputs": [{"name": "images", "datatype": "FP32", "shape": [1, 1, 1, 1], "data": [NaN]}]}',
            "not finite",
        ),
    ],
)
def test_what_is_not_as_the_model_wants_it(server, body, said):
    status, answer = server.post(f"{MODEL}/infer", body)
    assert status == 400
    assert list(answer) == ["error"]
    assert said in answer["error"]


def test_another_model_or_the_binary_extension(server):
    assert server.get("/v2/models/other/ready")[0] == 404
    assert server.get(f"{MODEL}/versions/2")[0] == 404
    binary = {"Inference-Header-Content-Length": "10"}
    assert server.send("POST", f"{MODEL}/infer", b"{}", binary)[0] == 400
