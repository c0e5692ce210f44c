"""Trained GoogLeNet, served: the reference's first five by both protocols; the page in a browser."""

import time

import numpy as np
import pytest
from browser import CHROMIUM, browser
from places import SHARED, needs_weights
from running_server import served
from trained_googlenet import first_five, imagenet_names, reference_of_photos, trained_googlenet

import kerasnets

pytestmark = [pytest.mark.exhaustive, needs_weights]


def test_both_protocols_give_the_references_first_five(tmp_path):
    pixels, logits, _ = reference_of_photos()
    right = first_five(logits)
    export = kerasnets.export(trained_googlenet(tmp_path / "run", pixels, cropped=False)).parent
    with served(export, name="googlenet", seconds=120) as running:
        body = {"signature_name": "serve_uint8", "instances": pixels.tolist()}
        status, answer = running.post("/v1/models/googlenet:predict", body)
        assert status == 200, answer
        by_row = np.array([row["probabilities"] for row in answer["predictions"]])
        labels = [row["labels"] for row in answer["predictions"]]
        table = {
            "name": "images",
            "datatype": "UINT8",
            "shape": list(pixels.shape),
            "data": pixels.ravel().tolist(),
        }
        status, answer = running.post("/v2/models/googlenet/infer", {"inputs": [table]})
        assert status == 200, answer
        outputs = {each["name"]: np.reshape(each["data"], each["shape"]) for each in answer["outputs"]}
    for probabilities in (by_row, outputs["probabilities"]):
        np.testing.assert_array_equal(np.argsort(-probabilities, axis=1)[:, :5], right)
    assert labels == outputs["labels"].tolist() == [imagenet_names()[place] for place in right[:, 0]]


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_a_photo_is_dropped_on_the_page(tmp_path, capsys):
    photo = SHARED / "data/photos/n02095570_Lakeland_terrier.JPEG"
    run = trained_googlenet(tmp_path / "run", [photo.read_bytes()], cropped=True)
    with (
        served(kerasnets.export(run).parent, name="googlenet", seconds=60) as running,
        browser(tmp_path / "browser") as page,
    ):
        for width, height in ((1280, 900), (390, 844)):
            page.size(width, height)
            page.call("Page.navigate", url=f"http://127.0.0.1:{running.port}/")
            while page.evaluate("document.readyState") != "complete":
                time.sleep(0.05)
            page.drop(photo, width // 2, 200)
            _wait(page)
            assert page.evaluate("document.getElementById('trouble').hidden")
            assert page.evaluate("document.querySelectorAll('#top tr').length") == 5
            looked = page.evaluate("document.getElementById('looked').textContent")
            assert "covering" in looked.lower()
            assert page.evaluate("document.getElementById('seen').naturalWidth") == 224
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            page.screenshot(tmp_path / f"page-{width}.png")
            with capsys.disabled():
                print(
                    tmp_path / f"page-{width}.png",
                    page.evaluate("document.getElementById('answer').textContent"),
                )
                print(looked)
        page.call("Page.navigate", url=f"http://127.0.0.1:{running.port}/")
        while page.evaluate("document.readyState") != "complete":
            time.sleep(0.05)
        page.drop(__file__, 200, 200)
        _wait(page)
        assert "allowed: JPEG or PNG" in page.evaluate("document.getElementById('trouble').textContent")


def _wait(page):
    end = time.monotonic() + 60
    while page.evaluate("document.body.dataset.done || ''") == "":
        assert time.monotonic() < end, page.evaluate("document.body.innerText")
        time.sleep(0.1)
