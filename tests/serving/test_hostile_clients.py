"""Whatever clients send: an answer from 400 to 499 with a reason, in time; then the next one is served."""

import base64
import errno
import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection

import pytest
from fuzzed import fuzzed_bytes, fuzzed_request, jpeg, jpeg_that_declares, png_that_declares, v1, v2
from running_server import served
from sweep import sweep

PREDICT = "/v1/models/model:predict"


@pytest.fixture(scope="module")
def small(digits):
    """A server with small limits."""
    with served(digits, seconds=1, body_bytes=100_000, pixels=1000, queue=8) as running:
        yield running


@pytest.mark.parametrize("file", [png_that_declares(40_000, 40_000), jpeg_that_declares(60_000, 60_000)])
def test_a_small_file_that_declares_many_pixels(small, file):
    for path, body in ((PREDICT, v1(file)), ("/v2/models/model/infer", v2(file)), ("/look", file)):
        status, answer = small.post(path, body)
        assert status == 422
        assert "00,000,000 pixels, allowed: 1,000" in answer["error"]


def test_what_is_no_image_is_named_by_its_place(small):
    files = [base64.b64encode(each).decode() for each in (jpeg(), b"GIF89a", jpeg())]
    body = {"signature_name": "serve_bytes", "inputs": files}
    body["instances"] = [{"b64": each} for each in files]
    del body["inputs"]
    status, answer = small.post(PREDICT, body)
    assert (status, answer["error"]) == (422, "image 1: found a file of format GIF, allowed: JPEG or PNG")


def test_large_bodies_are_refused_before_they_are_read(small):
    status, answer = small.post(PREDICT, b" " * 100_001)
    assert (status, answer["error"]) == (413, "found a body of at least 100,001 bytes, allowed: 100,000")
    head = f"POST {PREDICT} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    answer = small.raw(head + b"10000\r\n" + b" " * 65536 + b"\r\n10000\r\n" + b" " * 65536)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert small.raw(head.replace(b"chunked", b"gzip"))[:12] == b"HTTP/1.1 400"


def test_too_many_images_or_pixels_in_a_request(small):
    body = {"signature_name": "serve_uint8", "instances": [[[[0]]]] * 9}
    assert small.post(PREDICT, body) == (413, {"error": "found 9 images, allowed: 8 in a request"})
    body["instances"] = [[[[0]] * 40] * 40]
    assert small.post(PREDICT, body) == (
        422,
        {"error": "images: found 1,600 pixels an image, allowed: 1,000"},
    )


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"POST /v1/models/model:predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\n{", b"408"),
        (b"POST /v1/models/model:predict HTT", b"408"),
        (b"GET /v2/health/live HTTP/1.1\r\nHost: localhost\r\n\r\nGET /", b"200"),
        (b"", b""),
    ],
)
def test_slow_senders_are_told_and_let_go(small, sent, status):
    answer = small.raw(sent)  # which returns when the server closes
    assert answer[9:12] == status
    if status == b"408":
        assert b'{"error":' in answer


@pytest.mark.exhaustive
def test_who_does_not_read_the_answer_is_let_go(small):
    with socket.create_connection(("127.0.0.1", small.port), timeout=20) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        asked = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 2000
        with pytest.raises(OSError, match=r"reset|Broken"):
            connection.sendall(asked * 100)
    assert small.get("/v2/health/live")[0] == 200


def test_pages_of_other_sites_may_not_ask(server):
    for site, status in (("cross-site", 403), ("same-site", 403), ("same-origin", 200), ("none", 200)):
        path = PREDICT.replace("model:", "digits:")
        assert server.send("POST", path, v1(jpeg()), {"Sec-Fetch-Site": site})[0] == status


def test_only_names_of_this_machine_may_be_asked(digits):
    with served(digits, hosts=("localhost",)) as running:
        assert running.send("GET", "/", headers={"Host": "localhost:80"})[0] == 200
        assert running.send("GET", "/", headers={"Host": "rebound.example"})[0] == 400


def _ask(port, number):
    """Send the request of a number; return its status, and what is wrong with the answer."""
    if number % 10 == 3:
        with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
            try:
                connection.sendall(fuzzed_bytes(number))
                connection.shutdown(socket.SHUT_WR)
                answer = b"".join(iter(lambda: connection.recv(65536), b""))
            except ConnectionError:  # refused and closed, with something of it unread
                return 400
            except OSError as error:
                if error.errno != errno.ENOTCONN:  # the same, a moment later
                    raise
                return 400
        return int(answer[9:12]) if answer else 400
    path, body = fuzzed_request(number)
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("POST", path, body)
        answer = connection.getresponse()
        text = answer.read()
    finally:
        connection.close()
    if answer.status != 200:
        error = json.loads(text)["error"]
        assert error, (number, path)
        assert "\n" not in error
    return answer.status


@pytest.mark.parametrize("count", sweep([300, 10_000], quick=[300]))
def test_fuzzed_requests_are_answered(digits, remote, count):
    """Numbers are seeds, so that a failure can be repeated. The ten thousand go to a process of its own."""
    if count == 300:
        with served(digits, seconds=20) as running:
            statuses = _fuzz(running.port, count)
        return _check(statuses)
    server = remote()
    _fuzz(server.port, 200)
    before = server.most_memory()
    started = time.monotonic()
    statuses = _fuzz(server.port, count)
    print(f"{count} in {time.monotonic() - started:.0f} s: {_counted(statuses)}")
    print(f"most memory {before / 2**20:.0f} MiB, then {server.most_memory() / 2**20:.0f} MiB")
    assert server.process.poll() is None
    assert server.most_memory() - before < 2**29
    return _check(statuses)


def _fuzz(port, count):
    with ThreadPoolExecutor(8) as clients:
        statuses = list(clients.map(lambda number: _ask(port, number), range(count)))
    assert _ask_well(port) == 200
    return statuses


def _ask_well(port):
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("POST", PREDICT, v1(jpeg()))
        return connection.getresponse().status
    finally:
        connection.close()


def _counted(statuses):
    return {status: statuses.count(status) for status in sorted(set(statuses))}


def _check(statuses):
    assert {400, 422} < set(statuses)
    # what is changed may by chance be as good as before
    assert set(statuses) <= {200, 400, 404, 413, 415, 422}, _counted(statuses)
