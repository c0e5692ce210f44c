"""`kerasnets serve`: what it refuses, and how it ends."""

import json
import os
import signal
import socket
import threading
import time

import pytest
from fuzzed import jpeg, v1
from running_server import Served
from small_model import Doubling
from waiting import until


def test_what_cannot_be_served_is_refused(refused, tmp_path, half_plus_three):
    assert "found no SavedModel and no ONNX file" in refused("serve", tmp_path)
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "saved_model.pb").write_bytes(b"cut off")
    assert "cannot be loaded as a SavedModel" in refused("serve", tmp_path)
    (tmp_path / "model.onnx").write_bytes(b"cut off")
    assert "cannot be loaded as ONNX" in refused("serve", tmp_path / "model.onnx")
    assert "not an amount of memory" in refused("serve", tmp_path, "--max-body", "much")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert "in use" in refused("serve", half_plus_three, "--port", port)


def test_what_has_begun_is_answered_before_the_server_ends():
    """One request is in the model, one waits for it, and one has come half way; a connection is idle."""
    model = Doubling()
    running = Served(model.export(), seconds=20)
    model.may_go_on.clear()
    body = json.dumps({"instances": [[1, 2]]}).encode()
    head = (
        f"POST /v1/models/model:predict HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    )
    answers = {}
    sending = [
        threading.Thread(target=lambda n=n: answers.update({n: running.raw(head + body)})) for n in (0, 1)
    ]
    with (
        socket.create_connection(("127.0.0.1", running.port)) as half,
        socket.create_connection(("127.0.0.1", running.port)) as idle,
    ):
        half.sendall(head + body[:5])
        for each in sending:
            each.start()
        until(lambda: model.calls and len(running.server.server_state.tasks) == 3)
        running.server.should_exit = True
        assert idle.recv(10) == b""
        until(lambda: not running.listener.fileno() >= 0)
        half.sendall(body[5:])
        model.may_go_on.set()
        answers[2] = b"".join(iter(lambda: half.recv(65536), b""))
    for each in sending:
        each.join(20)
    running.stop()
    for number in range(3):
        assert answers[number].startswith(b"HTTP/1.1 200 OK"), number
        assert answers[number].endswith(b'{"predictions":[[2.0,4.0]]}')


@pytest.mark.exhaustive
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_process_once_requests_are_answered(remote, number):
    server = remote()
    body = v1(jpeg())
    head = f"POST /v1/models/model:predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        connection.sendall(head.encode() + body[:20])
        time.sleep(0.3)
        os.kill(server.process.pid, number)
        time.sleep(0.3)
        assert server.process.poll() is None
        connection.sendall(body[20:])
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert server.process.wait(60) == (-signal.SIGTERM if number == signal.SIGTERM else 130)
