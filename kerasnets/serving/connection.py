"""A connection that no client can keep open without using it."""

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

ANSWERING = 3
"""How many times as long as a client may be silent a request may take: to come, be answered, be read."""


class BoundedConnection(H11Protocol):
    """uvicorn's HTTP/1.1, with an end to waiting: for a request's head, for the whole, for the next one.

    uvicorn alone waits without end for a head that stops half way, and for a client that reads no answer.
    The time is the configuration's `timeout_keep_alive`.
    """

    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a first request."""
        super().connection_made(transport)
        self._allow(self.timeout_keep_alive)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        """Handle what has arrived; a request that begins has time to be answered."""
        before = self.cycle
        super().handle_events()
        if self.cycle is not before and not self.cycle.response_complete:
            self._allow(ANSWERING * self.timeout_keep_alive)

    def on_response_complete(self) -> None:
        """Wait for the rest of the request, should there be some, and for the next one."""
        self._allow(self.timeout_keep_alive)
        super().on_response_complete()
        self._unset_keepalive_if_required()

    def _allow(self, seconds: float) -> None:
        self._stop()
        self._timer = self.loop.call_later(seconds, self._give_up)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _give_up(self) -> None:
        """Close the connection, whatever state it is in."""
        if self.conn.our_state is h11.IDLE and self.conn.trailing_data[0]:
            self._refuse_slow_head()
        else:
            self.transport.abort()

    def _refuse_slow_head(self) -> None:
        body = b'{"error": "found half the head of a request, allowed: one that comes in time"}'
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        for event in (
            h11.Response(status_code=408, headers=headers),
            h11.Data(data=body),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()
