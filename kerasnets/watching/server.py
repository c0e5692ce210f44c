"""The server of the live page: for this machine alone, unless told otherwise."""

import ipaddress
import logging
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from kerasnets.errors import UserError, reason
from kerasnets.watching.live_page import LivePage

log = logging.getLogger("kerasnets")

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")

HEADERS = {
    # the page needs nothing from elsewhere, and nobody else may read or frame it
    "Content-Security-Policy": (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'self' 'unsafe-inline'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def serve(page: LivePage, *, host: str, port: int, announce: Callable[[str], None]) -> None:
    """Serve a page until the process is told to stop.

    Args:
        page: what to serve.
        host: name or address of this machine to listen on.
        port: 0 for one that is free.
        announce: called with the page's address once browsers can reach it.

    Raises:
        UserError: the port is in use, or `host` is no address of this machine.
        KeyboardInterrupt: Ctrl-C.
    """
    with _listening(host, port) as listener:
        address = listener.getsockname()
        loopback = ipaddress.ip_address(address[0]).is_loopback
        if not loopback:
            log.warning("whoever reaches %s can read the page; only 127.0.0.1 is this machine's own", host)
        names = LOOPBACK_NAMES if loopback else ("*",)
        config = uvicorn.Config(
            application(page, names), lifespan="off", access_log=False, log_config=None, log_level="warning"
        )
        announce(f"http://{f'[{host}]' if ':' in host else host}:{address[1]}/")
        uvicorn.Server(config).run(sockets=[listener])


def application(page: LivePage, names: Sequence[str]) -> Starlette:
    """Return the ASGI application that serves a page.

    Args:
        page: what to serve.
        names: hosts that a request may name, or "*" for any. A page of the internet whose name has come to
            mean this machine (DNS rebinding) names its own.
    """
    script = files("kerasnets.watching").joinpath("live.js").read_text(encoding="utf-8")

    def show(request: Request) -> Response:
        shown = page.shown()
        tag = f'"{shown.token}"'
        if request.headers.get("If-None-Match") == tag:
            return Response(status_code=304, headers=HEADERS | {"ETag": tag})
        return HTMLResponse(shown.html, headers=HEADERS | {"ETag": tag})

    def live_script(request: Request) -> Response:
        return Response(script, media_type="text/javascript", headers=HEADERS)

    def no_icon(request: Request) -> Response:
        return Response(status_code=204, headers=HEADERS)

    return Starlette(
        routes=[Route("/", show), Route("/live.js", live_script), Route("/favicon.ico", no_icon)],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=list(names), www_redirect=False)],
    )


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    """Listen on an address while the block runs."""
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
