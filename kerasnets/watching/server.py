"""The server of the live page: for this machine alone, unless told otherwise."""

import ipaddress
import logging
from collections.abc import Callable, Sequence
from importlib.resources import files

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from kerasnets.listening import LOOPBACK_NAMES, PAGE_HEADERS, listening, page_address
from kerasnets.watching.live_page import LivePage

log = logging.getLogger("kerasnets")


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
    with listening(host, port) as listener:
        loopback = ipaddress.ip_address(listener.getsockname()[0]).is_loopback
        if not loopback:
            log.warning("whoever reaches %s can read the page; only 127.0.0.1 is this machine's own", host)
        names = LOOPBACK_NAMES if loopback else ("*",)
        config = uvicorn.Config(
            application(page, names), lifespan="off", access_log=False, log_config=None, log_level="warning"
        )
        announce(page_address(host, listener))
        uvicorn.Server(config).run(sockets=[listener])


def application(page: LivePage, names: Sequence[str]) -> Starlette:
    """Return the ASGI application that serves a page.

    Args:
        page: what to serve.
        names: hosts that a request may name, or "*" for any.
    """
    script = files("kerasnets.watching").joinpath("live.js").read_text(encoding="utf-8")

    def show(request: Request) -> Response:
        shown = page.shown()
        tag = f'"{shown.token}"'
        if request.headers.get("If-None-Match") == tag:
            return Response(status_code=304, headers=PAGE_HEADERS | {"ETag": tag})
        return HTMLResponse(shown.html, headers=PAGE_HEADERS | {"ETag": tag})

    def live_script(request: Request) -> Response:
        return Response(script, media_type="text/javascript", headers=PAGE_HEADERS)

    def no_icon(request: Request) -> Response:
        return Response(status_code=204, headers=PAGE_HEADERS)

    return Starlette(
        routes=[Route("/", show), Route("/live.js", live_script), Route("/favicon.ico", no_icon)],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=list(names), www_redirect=False)],
    )
