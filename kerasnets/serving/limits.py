"""What a client may ask for, and how it is told that it asked for more.

400  not what the protocol or the signature takes
403  a web page of another site asks
404  no such model, version or page
408  the request came too slowly
413  too many bytes, or too many images in one request
415  a compressed body
422  an image that is refused: no JPEG or PNG, damaged, or of too many pixels
429  too much is waiting; Retry-After says when to come again
504  the model did not answer in time
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from starlette.requests import Request

from kerasnets.data.images.formats import sniff
from kerasnets.data.images.graph_image import FORMATS
from kerasnets.data.images.headers import HeaderError, read_header

BODIES = 8
"""Bodies of the largest size that are held in memory at once, all clients together."""


class RefusedError(Exception):
    """A request is refused.

    Args:
        status: of the HTTP answer.
        message: one line for whoever sent it.
    """

    def __init__(self, status: int, message: str):
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What requests may take.

    Attributes:
        body_bytes: of one request.
        pixels: that an image may declare, and that the images that are decoded together may.
        seconds: for a request to arrive, and for the model to answer it.
        batch: images that go through the model together.
        wait_seconds: that the first image of a batch waits for others.
        queue: images that wait for the model; also the most in one request.
    """

    body_bytes: int = 32 * 2**20
    pixels: int = 50_000_000
    seconds: float = 30.0
    batch: int = 32
    wait_seconds: float = 0.002
    queue: int = 256


class Bodies:
    """Reads the bodies of requests, within a bound on the memory of all that are held.

    Args:
        limits: of a request.
    """

    def __init__(self, limits: Limits):
        self._limits = limits
        self._held = 0

    @asynccontextmanager
    async def read(self, request: Request) -> AsyncIterator[bytes]:
        """Give the body of a request, which counts as held until the block ends.

        Raises:
            RefusedError: it is too large, compressed, of another site's page, or came too slowly; or too
                much is held already.
        """
        if request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
            raise RefusedError(
                403, "found a page of another site, allowed: programs, and the server's own page"
            )
        if request.headers.get("Content-Encoding", "identity") != "identity":
            raise RefusedError(415, "Content-Encoding: found a compressed body, allowed: a plain one")
        self._check_size(int(request.headers.get("Content-Length", 0)))
        body = bytearray()
        try:
            await self._receive(request, body)
            yield bytes(body)
        finally:
            self._held -= len(body)

    async def _receive(self, request: Request, body: bytearray) -> None:
        """Fill `body` with what the request brings."""
        most, seconds = BODIES * self._limits.body_bytes, self._limits.seconds
        try:
            async with asyncio.timeout(seconds):
                async for chunk in request.stream():
                    body += chunk
                    self._held += len(chunk)
                    self._check_size(len(body))
                    if self._held > most:
                        raise RefusedError(429, "found too many large requests at once; come again later")
        except TimeoutError:
            found = f"{len(body):,} bytes after {seconds:g} seconds"
            raise RefusedError(408, f"found {found}, allowed: a whole request") from None

    def _check_size(self, size: int) -> None:
        most = self._limits.body_bytes
        if size > most:
            raise RefusedError(413, f"found a body of at least {size:,} bytes, allowed: {most:,}")


def declared_pixels(contents: bytes, most: int) -> int:
    """Return how many pixels an encoded image declares, read from its first bytes.

    Args:
        contents: its bytes.
        most: how many are allowed.

    Raises:
        RefusedError: no JPEG or PNG, a damaged header, or too many pixels.
    """
    format = sniff(contents)
    if format not in FORMATS:
        found = "nothing" if not contents else f"a file of format {format}"
        raise RefusedError(422, f"found {found}, allowed: {' or '.join(FORMATS)}")
    try:
        header = read_header(contents, format)
    except HeaderError as error:
        raise RefusedError(422, f"found a damaged {format}: {error}") from None
    if header.pixels > most:
        raise RefusedError(422, f"found an image of {header.pixels:,} pixels, allowed: {most:,}")
    return header.pixels
