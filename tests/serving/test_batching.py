"""Requests put together: how many, in which order, and that nobody's answer depends on who else asked."""

import asyncio
import base64
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tensorflow as tf
from running_server import served
from small_model import Doubling, rows

from kerasnets.serving.batching import Batcher
from kerasnets.serving.limits import Limits, RefusedError
from kerasnets.serving.metrics import Metrics


async def _answers(batcher, model, first, others):
    """Have a first request wait in the model while others arrive; return what all get, in order."""
    working = asyncio.create_task(batcher.work())
    model.may_go_on.clear()
    asked = [asyncio.create_task(batcher.predict("serving_default", first))]
    while not model.calls:
        await asyncio.sleep(0.001)
    asked += [asyncio.create_task(batcher.predict("serving_default", each)) for each in others]
    await asyncio.sleep(0)
    model.may_go_on.set()
    answers = await asyncio.gather(*asked, return_exceptions=True)
    working.cancel()
    return answers


def _run(first, *others, **limits):
    model = Doubling()
    batcher = Batcher(model, Limits(wait_seconds=0.0, **limits), Metrics())
    return model, asyncio.run(_answers(batcher, model, first, others))


def test_what_arrives_while_the_model_runs_goes_together_in_order():
    model, answers = _run(rows(1), rows(2), rows(3, 4), rows(5))
    assert [call[:, 0].tolist() for call in model.calls] == [[1], [2, 3, 4, 5]]
    assert [answer["y"][:, 0].tolist() for answer in answers] == [[2], [4], [6, 8], [10]]


def test_a_batch_is_no_larger_than_allowed():
    model, answers = _run(rows(1), rows(2, 3), rows(4, 5), rows(6), batch=3)
    assert [len(call) for call in model.calls] == [1, 2, 3]
    assert [answer["y"][:, 0].tolist() for answer in answers] == [[2], [4, 6], [8, 10], [12]]
    model, (answer,) = _run(rows(*range(8)), batch=3)  # a request of more goes through in parts
    assert [len(call) for call in model.calls] == [3, 3, 2]
    assert answer["y"][:, 0].tolist() == [0, 2, 4, 6, 8, 10, 12, 14]


def test_only_rows_of_one_shape_go_together():
    model, answers = _run(rows(1), rows(2), rows(3, width=5), rows(4))
    assert [call.shape for call in model.calls] == [(1, 2), (2, 2), (1, 5)]
    assert [answer["y"].shape for answer in answers] == [(1, 2), (1, 2), (1, 5), (1, 2)]


def test_who_is_refused_spoils_nobody_elses_answer():
    _, answers = _run(rows(1), rows(2), rows(13), rows(14), rows(5))
    assert [answers[place]["y"][0, 0] for place in (0, 1, 4)] == [2, 4, 10]
    assert isinstance(answers[2], RefusedError)
    assert (answers[2].status, str(answers[2])) == (422, "found 13")
    assert isinstance(answers[3], RuntimeError)


def test_more_than_may_wait_is_turned_away():
    _, answers = _run(rows(1), rows(2, 3), rows(4), rows(5, 6, 7, 8), queue=3)
    assert [answers[place]["y"][0, 0] for place in (0, 1)] == [2, 4]
    assert [(answer.status, str(answer)) for answer in answers[2:]] == [
        (429, "found 3 images that wait, allowed: 3"),
        (413, "found 4 images, allowed: 3 in a request"),
    ]


def test_what_took_too_long_is_given_up_and_not_run():
    model = Doubling()
    batcher = Batcher(model, Limits(wait_seconds=0.0, seconds=0.05), Metrics())

    async def late():
        working = asyncio.create_task(batcher.work())
        model.may_go_on.clear()
        asked = [batcher.predict("serving_default", rows(value)) for value in (1, 2)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        model.may_go_on.set()
        await batcher.predict("serving_default", rows(3))
        working.cancel()
        return answers

    answers = asyncio.run(late())
    assert [answer.status for answer in answers] == [504, 504]
    assert [call[:, 0].tolist() for call in model.calls][-1] == [3]
    assert len(model.calls) <= 2


def test_a_first_row_waits_for_others():
    model = Doubling()
    batcher = Batcher(model, Limits(wait_seconds=30.0, batch=2), Metrics())

    async def two():
        working = asyncio.create_task(batcher.work())
        first = asyncio.create_task(batcher.predict("serving_default", rows(1)))
        await asyncio.sleep(0.01)
        await batcher.predict("serving_default", rows(2))
        await first
        working.cancel()

    asyncio.run(two())
    assert [len(call) for call in model.calls] == [2]


def test_answers_are_the_same_whatever_was_batched_together(digits):
    """Sixteen clients send files and pixels; a damaged file among them fails alone."""
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (48, 8, 8, 1), "uint8")
    files = [tf.io.encode_png(image).numpy() for image in images]
    signatures = tf.saved_model.load(str(digits)).signatures
    alone = [signatures["serve_bytes"](contents=tf.constant([file]))["probabilities"][0] for file in files]
    damaged = files[0][:-30]

    with served(digits, batch=7, wait_seconds=0.005) as running, ThreadPoolExecutor(16) as clients:

        def ask(place):
            wanted = damaged if place % 12 == 5 else files[place]
            body = {
                "signature_name": "serve_bytes",
                "instances": [{"b64": base64.b64encode(wanted).decode()}],
            }
            return running.post("/v1/models/model:predict", body)

        answers = list(clients.map(ask, range(48)))
        text = running.send("GET", "/metrics")[2].decode()
    for place, (status, answer) in enumerate(answers):
        if place % 12 == 5:
            assert status == 422
            continue
        assert status == 200, answer
        np.testing.assert_allclose(
            answer["predictions"][0]["probabilities"], alone[place], rtol=1e-5, atol=1e-9
        )
    counted = {line.split()[0]: float(line.split()[1]) for line in text.splitlines() if line[0] != "#"}
    assert counted['kerasnets_requests_total{code="200",protocol="tensorflow_serving"}'] == 44
    assert counted['kerasnets_requests_total{code="422",protocol="tensorflow_serving"}'] == 4
    assert counted["kerasnets_waiting_images"] == 0
    assert counted['kerasnets_batch_images_bucket{le="8.0"}'] == counted["kerasnets_batch_images_count"]


@pytest.mark.parametrize(
    ("pixels", "right"),
    [
        ([1] * 5, [(0, 3), (3, 5)]),
        ([6, 6, 1, 1], [(0, 1), (1, 4)]),
        ([10, 10, 10], [(0, 1), (1, 2), (2, 3)]),
        ([0], [(0, 1)]),
    ],
)
def test_slices_bound_rows_and_pixels(pixels, right):
    from kerasnets.serving.batching import _slices

    assert _slices(pixels, Limits(batch=3, pixels=10)) == right
