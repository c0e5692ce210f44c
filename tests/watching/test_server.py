"""`kerasnets watch` as a process, asked over a real socket."""

import os
import shutil
import signal
import socket
from http.client import HTTPConnection
from urllib.parse import urlsplit

import live_pages
import pytest
from forked import start_command
from waiting import until

from kerasnets.runs.directory import RunDirectory


class Watch:
    """The command, watching runs."""

    def __init__(self, said, *runs):
        self.said = said
        self.process = start_command(
            "watch", *runs, "--port", 0, said=said, before=live_pages.draw_whenever_asked
        )
        until(lambda: "\n" in said.read_text() or not self.process.is_alive(), said.read_text)
        self.address = said.read_text().splitlines()[0].removeprefix("watch: ")
        self.port = urlsplit(self.address).port

    def get(self, path="/", **headers):
        """Return status, headers and text of an answer."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, answer.headers, text

    def shows(self, *texts):
        """Wait until the page has these texts."""
        until(lambda: all(text in self.get()[2] for text in texts), lambda: self.get()[2][-2000:])

    def ended(self, number):
        """Send a signal; return the exit code and what was printed after the address."""
        os.kill(self.process.pid, number)
        self.process.join(60)
        return self.process.exitcode, self.said.read_text().partition("\n")[2]


@pytest.fixture
def watch(tmp_path):
    started = []

    def start(*runs):
        started.append(Watch(tmp_path / f"said{len(started)}.txt", *runs))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.process.join()


def test_the_page_follows_a_run_through_everything(watch, default_run, tmp_path):
    run = tmp_path / "run"
    live = watch(run)
    assert live.address == f"http://127.0.0.1:{live.port}/"
    live.shows("run: nothing here yet", 'src="live.js"')

    shutil.copytree(default_run, run)
    result = RunDirectory(run).result
    live.shows("lenet5-digits", "Live, as of", f"{result.test.accuracy:.4f}")
    status, headers, _ = live.get()
    assert status == 200
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    status, _, text = live.get("/", **{"If-None-Match": headers["ETag"]})
    assert (status, text) == (304, "")

    history = (run / "history.csv").read_bytes()
    (run / "history.csv").write_bytes(history[:-20])
    live.shows("lenet5-digits", "history.csv", "damaged", 'class="trouble"')
    (run / "history.csv").write_bytes(history)
    live.shows("Live, as of")
    shutil.rmtree(run)
    live.shows("lenet5-digits", "nothing here yet, or not any more")

    code, errors = live.ended(signal.SIGINT)
    assert code == 130
    assert errors == "kerasnets: interrupted; the runs are not touched\n"


def test_only_pages_of_this_machine_may_ask(watch, tmp_path):
    live = watch(tmp_path / "run")
    for host in ("127.0.0.1", f"localhost:{live.port}", f"[::1]:{live.port}"):
        assert live.get("/", Host=host)[0] == 200
    for host in ("rebound.example", "127.0.0.1.rebound.example", "localhost.example", ""):
        assert live.get("/", Host=host)[0] == 400
    assert live.get("/live.js")[0] == 200
    assert live.get("/favicon.ico")[0] == 204
    assert live.get("/../../etc/passwd")[0] == 404
    assert live.ended(signal.SIGTERM)[0] == -signal.SIGTERM


def test_a_port_in_use_is_refused(refused, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = refused("watch", tmp_path / "run", "--port", port)
    assert line == (
        f"kerasnets: 127.0.0.1:{port}: address already in use; allowed: an address of this machine and a "
        "free port, or --port 0\n"
    )


def test_an_address_of_others_is_refused(refused, tmp_path):
    assert "192.0.2.1:0: " in refused("watch", tmp_path / "run", "--host", "192.0.2.1", "--port", 0)
