"""TensorFlow Serving's REST API: the requests and answers of its documentation, g3doc/api_rest.md."""

import base64
import json
import math

import numpy as np
import pytest
import tensorflow as tf
from running_server import served

from kerasnets.data.sources.load import load_dataset
from kerasnets.runs.ensemble import mean_predictions, open_runs


@pytest.fixture(scope="module")
def half(half_plus_three):
    with served(half_plus_three, name="saved_model_half_plus_three") as running:
        yield running


@pytest.fixture(scope="module")
def named(three):
    with served(three) as running:
        yield running


MODEL = "/v1/models/saved_model_half_plus_three"


def test_the_documentations_example(half):
    status, answer = half.get(MODEL)
    ok = {"error_code": "OK", "error_message": ""}
    assert (status, answer) == (
        200,
        {"model_version_status": [{"version": "123", "state": "AVAILABLE", "status": ok}]},
    )
    assert half.get(f"{MODEL}/versions/123") == (status, answer)
    # as curl -d sends it
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    status, headers, body = half.send("POST", f"{MODEL}:predict", b'{"instances": [1.0,2.0,5.0]}', form)
    assert (status, json.loads(body)) == (200, {"predictions": [3.5, 4.0, 5.5]})
    assert headers["Content-Type"] == "application/json"
    column = half.post(f"{MODEL}/versions/123:predict", {"inputs": [1.0, 2.0, 5.0]})
    assert column == (200, {"outputs": [3.5, 4.0, 5.5]})
    named = half.post(f"{MODEL}:predict", {"inputs": {"x": [1, 2.0]}, "signature_name": "serving_default"})
    assert named == (200, {"outputs": [3.5, 4.0]})


def test_another_model_or_version_is_not_found(half):
    status, answer = half.post("/v1/models/half:predict", {"instances": [1.0, 5.0]})
    assert (status, answer) == (404, {"error": "Servable not found for request: Latest(half)"})
    missing = {"error": "Servable not found for request: Specific(saved_model_half_plus_three, 7)"}
    assert half.get(f"{MODEL}/versions/7/metadata") == (404, missing)
    status, answer = half.get("/v1/nothing")
    assert (status, answer) == (404, {"error": "Malformed request: GET /v1/nothing"})


def test_metadata_has_the_signatures_as_tensorflow_describes_them(half):
    status, answer = half.get(f"{MODEL}/metadata")
    assert status == 200
    spec = {"name": "saved_model_half_plus_three", "signature_name": "", "version": "123"}
    assert answer["model_spec"] == spec
    signature = answer["metadata"]["signature_def"]["signature_def"]["serving_default"]
    any_size = {"dim": [{"size": "-1", "name": ""}], "unknown_rank": False}
    assert signature["inputs"]["x"] == {
        "dtype": "DT_FLOAT", "tensor_shape": any_size, "name": "serving_default_x:0",
    }  # fmt: skip
    assert signature["outputs"]["y"]["tensor_shape"] == any_size
    assert signature["method_name"] == "tensorflow/serving/predict"


FIRST = {"tag": "foo", "signal": [1, 2, 3, 4, 5], "sensor": [[1, 2], [3, 4]]}
SECOND = {"tag": "bar", "signal": [3, 4, 1, 2, 5], "sensor": [[4, 5], [6, 8]]}


def test_named_inputs_by_row_and_by_column(named):
    status, answer = named.post("/v1/models/model:predict", {"instances": [FIRST, SECOND]})
    tags = [{"b64": base64.b64encode(tag).decode()} for tag in (b"foo", b"bar")]
    rows = [
        {"tag_bytes": tags[0], "total": 25.0, "upper": "FOO"},
        {"tag_bytes": tags[1], "total": 38.0, "upper": "BAR"},
    ]
    assert (status, answer) == (200, {"predictions": rows})
    columns = {key: [FIRST[key], SECOND[key]] for key in FIRST}
    status, answer = named.post("/v1/models/model:predict", {"inputs": columns})
    assert (status, answer["outputs"]) == (200, {key: [row[key] for row in rows] for key in rows[0]})
    binary = FIRST | {"tag": {"b64": base64.b64encode("é\0".encode()).decode()}}
    status, answer = named.post("/v1/models/model:predict", {"instances": [binary]})
    assert base64.b64decode(answer["predictions"][0]["tag_bytes"]["b64"]) == "é\0".encode()


def test_numbers_that_json_has_no_words_for(half):
    status, answer = half.post(f"{MODEL}:predict", b'{"instances": [NaN, Infinity, -Infinity, 1e-3]}')
    assert status == 200
    first, *others = answer["predictions"]
    assert math.isnan(first)
    np.testing.assert_allclose(others, [np.inf, -np.inf, 3.0005], rtol=1e-6)


@pytest.mark.parametrize(
    ("request_body", "said"),
    [
        (b"", "no JSON"),
        (b"[1]", "found a list, allowed: a JSON object"),
        ({}, "found neither of instances and inputs, allowed: one"),
        ({"instances": [1], "inputs": [1]}, "found both of instances and inputs"),
        ({"instances": 1}, "instances: found a number"),
        ({"instances": []}, "instances: found an empty list"),
        (
            {"instances": [1], "signature_name": "other"},
            "signature_name: found 'other', allowed: serving_default",
        ),
        ({"instances": [1], "signature_name": 3}, "signature_name: found a number"),
        ({"instances": ["1"]}, "x: found a text, allowed: values of type float32"),
        ({"instances": [True]}, "x: found true or false"),
        ({"instances": [None]}, "x: found null"),
        ({"instances": [[1], [2]]}, "x: found the shape [2, 1], allowed: [any]"),
        ({"instances": [1, [2]]}, "x: found"),
        ({"instances": [{"x": 1}, {"y": 1}]}, "instances: found y at 1, allowed: an object of x"),
        ({"instances": [{"x": 1}, 2]}, "instances: found a number at 1"),
        ({"inputs": {"z": [1]}}, "inputs: found z, allowed: an object of x"),
        ({"inputs": 1.0}, "x: found the shape [], allowed: [any]"),
        ({"inputs": {"x": []}}, "x: found the shape [0], allowed: [any]"),
        ({"instances": [10**400]}, "x: int too large"),
        (b'{"instances": [' + b"9" * 5000 + b"]}", "no JSON"),
        (b'{"instances": ' + b"[" * 100_000, "no JSON"),
    ],
)
def test_what_is_not_as_the_signature_wants_it(half, request_body, said):
    status, answer = half.post(f"{MODEL}:predict", request_body)
    assert status == 400
    assert list(answer) == ["error"]
    assert said in answer["error"]


def test_rows_without_names_where_there_are_several_inputs(named):
    status, answer = named.post("/v1/models/model:predict", {"instances": [1]})
    assert (status, answer["error"]) == (
        400, "instances: found values without names, allowed: objects of sensor, signal, tag",
    )  # fmt: skip
    unequal = {"tag": ["a"], "signal": [FIRST["signal"]] * 2, "sensor": [FIRST["sensor"]]}
    status, answer = named.post("/v1/models/model:predict", {"inputs": unequal})
    assert (status, answer["error"]) == (400, "found inputs of [1, 2] rows, allowed: as many in each")


def test_every_signature_of_an_export_answers_as_the_run_does(server, default_run):
    images = load_dataset("digits").test.images[:5]
    right = np.asarray(mean_predictions(open_runs(default_run, "test"), images))
    files = [{"b64": base64.b64encode(tf.io.encode_png(each).numpy()).decode()} for each in images]
    for signature, instances in (
        ("serving_default", images.astype(float).tolist()),
        ("serve_uint8", images.tolist()),
        ("serve_bytes", files),
    ):
        body = {"signature_name": signature, "instances": instances}
        status, answer = server.post("/v1/models/digits:predict", body)
        assert status == 200, answer
        rows = answer["predictions"]
        np.testing.assert_allclose([row["probabilities"] for row in rows], right, atol=1e-6)
        assert [row["classes"] for row in rows] == right.argmax(1).tolist()
        assert [int(row["labels"]) for row in rows] == right.argmax(1).tolist()
    for wrong in (300, -1, 1.5):
        spoilt = [[[[wrong]] * 8] * 8]
        body = {"signature_name": "serve_uint8", "instances": spoilt}
        status, answer = server.post("/v1/models/digits:predict", body)
        assert status == 400
        assert "uint8" in answer["error"]
