"""What the page shows: the classes of an image, and where the model looked."""

import base64
import io
import itertools
import json

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from running_server import served

from kerasnets.data.sources.load import load_dataset
from kerasnets.runs.ensemble import mean_predictions, open_runs
from kerasnets.serving.page import occlusion


@pytest.fixture(scope="module")
def digit():
    return load_dataset("digits").test.images[3]


def test_the_page_asks_nothing_of_others(server):
    status, headers, page = server.send("GET", "/")
    assert status == 200
    assert b"digits" in page
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert server.send("GET", "/page.js")[0] == 200
    assert b"http" not in page.replace(b"http-equiv", b"")


def test_the_first_five_classes(server, digit, default_run):
    right = np.asarray(mean_predictions(open_runs(default_run, "test"), digit[None]))[0]
    status, answer = server.post("/look", tf.io.encode_png(digit).numpy())
    assert status == 200
    best = np.argsort(-right)[:5]
    assert [each["class"] for each in answer["top"]] == best.tolist()
    np.testing.assert_allclose([each["probability"] for each in answer["top"]], right[best], atol=1e-6)
    assert [int(each["label"]) for each in answer["top"]] == best.tolist()
    assert int(answer["label"]) == best[0]
    head, _, picture = answer["seen"].partition(",")
    assert head == "data:image/png;base64"
    seen = np.asarray(Image.open(io.BytesIO(base64.b64decode(picture))))
    spatial = open_runs(default_run, "test")[0].preprocessing.spatial(digit[None])
    np.testing.assert_array_equal(seen, spatial[0, ..., 0])


def test_where_it_looked_is_what_covering_costs(server, digits, digit):
    """Each pixel of 8x8 is a cell; patches of two by two, by loops of its own."""
    predict = tf.saved_model.load(str(digits)).signatures["serve_uint8"]
    whole = predict(images=digit[None])["probabilities"].numpy()[0]
    wanted = int(whole.argmax())
    drops = np.zeros((7, 7))
    for row, column in itertools.product(range(7), range(7)):
        copy = digit.copy()
        copy[row : row + 2, column : column + 2] = round(float(digit.mean()))
        drops[row, column] = whole[wanted] - predict(images=copy[None])["probabilities"].numpy()[0, wanted]
    right = np.zeros((8, 8))
    for row, column in itertools.product(range(8), range(8)):
        over = drops[max(row - 1, 0) : row + 1, max(column - 1, 0) : column + 1]
        right[row, column] = max(over.mean(), 0)
    status, answer = server.post(f"/where?class={wanted}", tf.io.encode_png(digit).numpy())
    assert status == 200
    np.testing.assert_allclose(answer["heat"], right / right.max(), atol=1e-4)
    np.testing.assert_allclose(answer["probability"], whole[wanted], atol=1e-6)
    np.testing.assert_allclose(answer["lowest"], whole[wanted] - drops.max(), atol=1e-5)


@pytest.mark.parametrize(
    ("wanted", "said"), [("", "class: found ''"), ("10", "allowed: 0 to 9"), ("x", "'x'")]
)
def test_a_class_that_is_none(server, digit, wanted, said):
    status, answer = server.post(f"/where?class={wanted}", tf.io.encode_png(digit).numpy())
    assert status == 400
    assert said in answer["error"]


@pytest.mark.parametrize(
    ("height", "width", "right"),
    [
        (8, 8, (8, 8)),
        (240, 320, (8, 11)),
        (1, 1, (1, 1)),
        (3, 500, (3, 16)),
        (512, 2, (16, 2)),
        (5, 6, (5, 6)),
    ],
)
def test_cells_cover_any_image(height, width, right):
    assert occlusion.grid(height, width) == right
    image = np.full((height, width, 3), 200, "uint8")
    image[0, 0] = 0
    copies = occlusion.covered(image)
    assert len(copies) == max(1, right[0] - 1) * max(1, right[1] - 1)
    colour = image.mean((0, 1)).round()
    assert (copies[0][0, 0] == colour).all()
    heat = occlusion.heat(np.ones(len(copies)), *right)
    np.testing.assert_array_equal(heat, np.ones(right))


def test_large_images_are_made_smaller_first():
    image = np.arange(1000 * 2000 * 3, dtype="uint32").reshape(1000, 2000, 3).astype("uint8")
    assert occlusion.reduced(image).shape == (256, 512, 3)
    assert occlusion.reduced(image[..., :1]).shape == (256, 512, 1)
    assert occlusion.reduced(image[:1]).shape == (1, 512, 3)
    assert occlusion.reduced(image[:100, :100]) is not None
    np.testing.assert_array_equal(occlusion.reduced(image[:100, :100]), image[:100, :100])


def test_a_model_without_files_has_a_page_that_says_so(half_plus_three):
    with served(half_plus_three) as running:
        status, _, page = running.send("GET", "/")
        assert status == 200
        assert b"takes no encoded images" in page
        assert json.loads(running.send("POST", "/look", b"")[2])["error"] == "Malformed request: POST /look"
