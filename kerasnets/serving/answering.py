"""What both protocols need to answer a request: the model, what runs it, and how answers are written."""

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from kerasnets.serving.batching import Batcher
from kerasnets.serving.limits import Bodies, RefusedError
from kerasnets.serving.opened.export import Export

T = TypeVar("T")


@dataclass(frozen=True)
class Served:
    """An export that is served.

    Attributes:
        export: the model, and what is known of it.
        name: of the model, in addresses.
        batcher: runs it.
        bodies: reads requests.
    """

    export: Export
    name: str
    batcher: Batcher
    bodies: Bodies
    _converting: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(1, "conversion"), repr=False
    )

    async def convert(self, work: Callable[..., T], *arguments: Any) -> T:
        """Return what a function gives, called outside the event loop; one at a time, to bound the memory."""
        return await asyncio.get_running_loop().run_in_executor(self._converting, work, *arguments)

    def check_version(self, request: Request) -> None:
        """Raise RefusedError unless the address names the model, and its version if any."""
        name, version = request.path_params["name"], request.path_params.get("version")
        if name != self.name or version not in (None, self.export.version):
            wanted = f"Latest({name})" if version is None else f"Specific({name}, {version})"
            raise RefusedError(404, f"Servable not found for request: {wanted}")


def json_response(value: Any, *, strict: bool = False) -> Response:
    """Return an answer of status 200.

    Args:
        value: what JSON can hold.
        strict: whether numbers that JSON has no words for, NaN and infinities, raise ValueError.
    """
    text = json.dumps(value, separators=(",", ":"), allow_nan=not strict)
    return Response(text, media_type="application/json")
