"""The server: both protocols, counters and the page at one address, until it is told to stop."""

import asyncio
import contextlib
import ipaddress
import logging
import math
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from kerasnets.listening import LOOPBACK_NAMES, listening, page_address
from kerasnets.serving import open_inference, tensorflow_serving
from kerasnets.serving.answering import Served
from kerasnets.serving.batching import Batcher
from kerasnets.serving.connection import ANSWERING, BoundedConnection
from kerasnets.serving.limits import Bodies, Limits, RefusedError
from kerasnets.serving.metrics import Application, Metrics
from kerasnets.serving.opened.export import Export, open_export
from kerasnets.serving.page import page_routes

log = logging.getLogger("kerasnets")

CONNECTIONS = 512
"""Open at once; whoever comes then gets status 503."""


def serve(
    export: Path, *, host: str, port: int, name: str | None, limits: Limits, announce: Callable[[str], None]
) -> None:
    """Serve an export until the process is told to stop; see `kerasnets.serve`."""
    opened = open_export(export, limits.pixels)
    with listening(host, port) as listener:
        loopback = ipaddress.ip_address(listener.getsockname()[0]).is_loopback
        if not loopback:
            log.warning("whoever reaches %s can use the model; only 127.0.0.1 is this machine's own", host)
        hosts = LOOPBACK_NAMES if loopback else ("*",)
        app = application(opened, name=name, limits=limits, hosts=hosts)
        announce(page_address(host, listener))
        uvicorn.Server(configuration(app, limits)).run(sockets=[listener])


def configuration(app: Application, limits: Limits) -> uvicorn.Config:
    """Return how uvicorn serves an application, within limits."""
    return uvicorn.Config(
        app,
        http=BoundedConnection,
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        log_level="error",
        server_header=False,
        limit_concurrency=CONNECTIONS,
        timeout_keep_alive=math.ceil(limits.seconds),
        timeout_graceful_shutdown=math.ceil(ANSWERING * limits.seconds),
    )


def application(
    export: Export, *, name: str | None = None, limits: Limits, hosts: Sequence[str] = ("*",)
) -> Application:
    """Return the ASGI application that serves an export.

    Args:
        export: opened.
        name: of the model in addresses; by default that of the run's recipe, or "model" where it is unknown.
        limits: what requests may take.
        hosts: that a request may name, or "*" for any.
    """
    metrics = Metrics()
    batcher = Batcher(export.model, limits, metrics)
    known = export.manifest.served_name if export.manifest else "model"
    served = Served(export, name or known, batcher, Bodies(limits))

    @contextlib.asynccontextmanager
    async def batching(_: Starlette) -> AsyncIterator[None]:
        working = asyncio.create_task(batcher.work())
        yield
        working.cancel()

    async def count(request: Request) -> Response:
        return Response(metrics.text(), media_type=metrics.content_type)

    app = Starlette(
        routes=[
            *tensorflow_serving.routes(served),
            *open_inference.routes(served),
            *page_routes.routes(served, limits),
            Route("/metrics", count),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=list(hosts), www_redirect=False)],
        exception_handlers={
            RefusedError: _refused,
            HTTPException: _no_such_page,
            ClientDisconnect: _gone,
            Exception: _failed,
        },
        lifespan=batching,
    )
    return metrics.counted(app)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, RefusedError)
    headers = {"Retry-After": "1"} if error.status == 429 else None
    return JSONResponse({"error": str(error)}, error.status, headers)


async def _no_such_page(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    message = f"Malformed request: {request.method} {request.url.path}"
    return JSONResponse({"error": message}, error.status_code, error.headers)


async def _gone(request: Request, error: Exception) -> Response:
    return Response(status_code=400)  # nobody reads it


async def _failed(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": f"the server failed: {type(error).__name__}"}, 500)
