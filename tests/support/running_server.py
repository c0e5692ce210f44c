"""An export served in this process, over real sockets."""

import json
import socket
import threading
from contextlib import contextmanager
from http.client import HTTPConnection

import uvicorn
from waiting import until

from kerasnets.serving.limits import Limits
from kerasnets.serving.opened.export import Export, open_export
from kerasnets.serving.server import application, configuration


class Served:
    """A server that runs in a thread.

    Args:
        export: its path, or opened.
        name, hosts: as of `application`.
        **limits: as of `Limits`.

    Attributes:
        port: where it listens, on loopback.
        server: uvicorn's; `should_exit` ends it as SIGTERM does.
        thread: in which it runs.
    """

    def __init__(self, export, *, name=None, hosts=("*",), **limits):
        limits = Limits(**limits)
        opened = export if isinstance(export, Export) else open_export(export, limits.pixels)
        app = application(opened, name=name, limits=limits, hosts=hosts)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.server = uvicorn.Server(configuration(app, limits))
        self.thread = threading.Thread(target=self.server.run, args=([self.listener],))
        self.thread.start()
        until(lambda: self.server.started)

    def send(self, method, path, body=None, headers=None):
        """Return status, headers and body of an answer."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def get(self, path, **headers):
        """Return status and JSON of an answer."""
        status, _, body = self.send("GET", path, headers=headers)
        return status, json.loads(body)

    def post(self, path, value):
        """Post JSON, or bytes as they are; return status and JSON of the answer."""
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        status, _, answer = self.send("POST", path, body)
        return status, json.loads(answer)

    def raw(self, data, *, seconds=30):
        """Send bytes as they are; return all that comes back until the server closes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=seconds) as connection:
            connection.sendall(data)
            return b"".join(iter(lambda: connection.recv(65536), b""))

    def stop(self):
        """End it as SIGTERM does, and wait for that."""
        self.server.should_exit = True
        self.thread.join(60)
        assert not self.thread.is_alive()


@contextmanager
def served(export, **settings):
    """Serve an export while the block runs; arguments as of `Served`."""
    server = Served(export, **settings)
    try:
        yield server
    finally:
        server.stop()
