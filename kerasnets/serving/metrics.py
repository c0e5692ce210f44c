"""What the server counts, in the text format of Prometheus."""

import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from kerasnets.errors import UserError

try:
    from prometheus_client import (
        CONTENT_TYPE_LATEST,
        CollectorRegistry,
        Counter,
        Gauge,
        Histogram,
        generate_latest,
    )
except ImportError:
    raise UserError(
        "serve needs prometheus_client: install the extra, pip install 'kerasnets[serve]'"
    ) from None

Message = MutableMapping[str, Any]
Application = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]
]

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
"""Upper ends of the histograms' bins."""


class Metrics:
    """Counters of one server."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self.requests = Counter(
            "kerasnets_requests", "Answered requests.", ["protocol", "code"], registry=registry
        )
        self.request_seconds = Histogram(
            "kerasnets_request_seconds", "From a request's head to the end of its answer.", ["protocol"],
            buckets=SECONDS, registry=registry,
        )  # fmt: skip
        self.model_seconds = Histogram(
            "kerasnets_model_seconds", "A call of the model.", buckets=SECONDS, registry=registry
        )
        self.batch_rows = Histogram(
            "kerasnets_batch_images", "Images in a call of the model.",
            buckets=(1, 2, 4, 8, 16, 32, 64, 128), registry=registry,
        )  # fmt: skip
        self.waiting = Gauge(
            "kerasnets_waiting_images", "Images that wait for the model, or are in it.", registry=registry
        )

    def text(self) -> bytes:
        """Return everything that was counted."""
        return generate_latest(self._registry)

    def counted(self, application: Application) -> Application:
        """Return an ASGI application whose requests are counted."""

        async def counting(scope: Message, receive: Any, send: Any) -> None:
            if scope["type"] != "http":
                await application(scope, receive, send)
                return
            started, code = time.monotonic(), "none"

            async def send_counted(message: Message) -> None:
                nonlocal code
                if message["type"] == "http.response.start":
                    code = str(message["status"])
                await send(message)

            protocol = _protocol(scope["path"])
            try:
                await application(scope, receive, send_counted)
            finally:
                self.requests.labels(protocol, code).inc()
                self.request_seconds.labels(protocol).observe(time.monotonic() - started)

        return counting


def _protocol(path: str) -> str:
    """Return which protocol a path belongs to; few names, whatever is asked for."""
    first = path.split("/", 2)[1] if path.startswith("/") else ""
    return {"v1": "tensorflow_serving", "v2": "open_inference"}.get(first, "other")
