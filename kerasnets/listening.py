"""An address of this machine to listen on, and what its pages may do."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from kerasnets.errors import UserError, reason

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")
"""Hosts that a request to this machine alone may name. A page of the internet whose name has come to mean
this machine (DNS rebinding) names its own."""

PAGE_HEADERS = {
    # a page needs nothing from elsewhere, and nobody else may read or frame it
    "Content-Security-Policy": (
        "default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; "
        "script-src 'self' 'unsafe-inline'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """Listen on an address while the block runs.

    Args:
        host: name or address of this machine.
        port: 0 for one that is free.

    Raises:
        UserError: the port is in use, or `host` is no address of this machine.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.create_server(address[:2], family=family)
    except OSError as error:
        # create_server's own text has the address once more
        number = None if isinstance(error, socket.gaierror) else error.errno
        found = reason(error) if number is None else os.strerror(number).lower()
        raise UserError(
            f"{host}:{port}: {found}; allowed: an address of this machine and a free port, or --port 0"
        ) from None
    with listener:
        yield listener


def page_address(host: str, listener: socket.socket) -> str:
    """Return what a browser is to open: "http://127.0.0.1:8300/"."""
    return f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}/"
