"""What the page asks the server: to look at an image, and where it looked."""

import asyncio
import base64
import io
from importlib.resources import files
from typing import Any

import jinja2
import numpy as np
from PIL import Image
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from kerasnets.data.images.image_file import ImageRefusedError, ImageRules, read_image
from kerasnets.data.preprocessing.steps import Preprocessing
from kerasnets.listening import PAGE_HEADERS
from kerasnets.serving.answering import Served, json_response
from kerasnets.serving.limits import Limits, RefusedError, declared_pixels
from kerasnets.serving.opened.model import DEFAULT_SIGNATURE, FILES
from kerasnets.serving.page import occlusion

OF_FILES, OF_PIXELS = "serve_bytes", "serve_uint8"
"""Signatures that the page uses: of encoded images, and of pixels."""

TOP = 5
"""Classes that are shown."""

TOGETHER = 8
"""Covered copies of an image that wait for the model at once: other clients' images go between."""


def routes(served: Served, limits: Limits) -> list[Route]:
    """Return the page, its script, and what it asks."""
    signatures = served.export.model.signatures
    html = _html(served, takes_files=OF_FILES in signatures)
    script = _file("page.js")
    manifest = served.export.manifest
    preprocessing = Preprocessing(manifest.spatial[0], manifest.image_shape) if manifest else None
    one_at_a_time = asyncio.Lock()

    async def show(request: Request) -> Response:
        return HTMLResponse(html, headers=PAGE_HEADERS)

    async def show_script(request: Request) -> Response:
        return Response(script, media_type="text/javascript", headers=PAGE_HEADERS)

    async def no_icon(request: Request) -> Response:
        return Response(status_code=204, headers=PAGE_HEADERS)

    async def look(request: Request) -> Response:
        async with served.bodies.read(request) as body:
            outputs = await served.batcher.predict(OF_FILES, {FILES: np.array([body], object)})
            answer = _answer(served, outputs)
            if preprocessing:
                pixels = await served.convert(_pixels, body, served, limits)
                answer["seen"] = await served.convert(_seen, pixels, preprocessing)
            return json_response(answer)

    async def where(request: Request) -> Response:
        async with served.bodies.read(request) as body:
            pixels = await served.convert(_pixels, body, served, limits)
            try:
                async with asyncio.timeout(limits.seconds), one_at_a_time:
                    return json_response(await _heat(served, pixels, request.query_params.get("class", "")))
            except TimeoutError:
                raise RefusedError(504, f"no heat map within {limits.seconds:g} seconds") from None

    return [
        Route("/", show),
        Route("/page.js", show_script),
        Route("/favicon.ico", no_icon),
        *([Route("/look", look, methods=["POST"])] if OF_FILES in signatures else []),
        *([Route("/where", where, methods=["POST"])] if OF_FILES in signatures else []),
    ]


def _html(served: Served, *, takes_files: bool) -> str:
    manifest = served.export.manifest
    template = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string(
        _file("page.html")
    )
    return template.render(
        name=served.name,
        version=served.export.version,
        platform=served.export.model.platform,
        manifest=manifest,
        takes_files=takes_files,
        signatures=served.export.model.signatures,
    )


def _file(name: str) -> str:
    return files("kerasnets.serving.page").joinpath(name).read_text(encoding="utf-8")


def _pixels(body: bytes, served: Served, limits: Limits) -> np.ndarray:
    """Return the pixels of an encoded image, uint8 (height, width, C)."""
    declared_pixels(body, limits.pixels)
    try:
        return read_image(body, ImageRules(_channels(served), max_pixels=limits.pixels))
    except ImageRefusedError as error:
        raise RefusedError(422, f"found an image that is refused: {error}") from None


def _channels(served: Served) -> int:
    images = served.export.model.signatures[DEFAULT_SIGNATURE].inputs[0]
    return images.shape[-1] or 3


def _answer(served: Served, outputs: dict[str, np.ndarray]) -> dict[str, Any]:
    """Return what the page shows of the answer to one image."""
    name = served.export.class_name
    if "values" in outputs:
        values = outputs["values"][0]
        return {"values": [{"label": name(place), "value": float(each)} for place, each in enumerate(values)]}
    probabilities = outputs["probabilities"][0]
    best = np.argsort(-probabilities, kind="stable")[:TOP]
    label = outputs["labels"][0]
    return {
        "label": label.decode("utf-8", "replace") if isinstance(label, bytes) else label,
        "top": [
            {"class": int(place), "label": name(place), "probability": float(probabilities[place])}
            for place in best
        ],
    }


def _seen(pixels: np.ndarray, preprocessing: Preprocessing) -> str:
    """Return an image, uint8 (height, width, C), as the network sees it, as the address of a PNG."""
    image = preprocessing.spatial(pixels[None])[0].numpy().astype("uint8")
    file = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


async def _heat(served: Served, pixels: np.ndarray, wanted: str) -> dict[str, Any]:
    """Return how much covering each part of an image costs a class."""
    image = await served.convert(occlusion.reduced, pixels)
    (whole,) = await _probabilities(served, image[None])
    if not wanted.isdecimal() or int(wanted) >= len(whole):
        raise RefusedError(400, f"class: found {wanted!r}, allowed: 0 to {len(whole) - 1}")
    copies = await served.convert(occlusion.covered, image)
    drops = []
    for start in range(0, len(copies), TOGETHER):
        answers = await _probabilities(served, copies[start : start + TOGETHER])
        drops += list(whole[int(wanted)] - answers[:, int(wanted)])
    rows, columns = occlusion.grid(*image.shape[:2])
    cells = occlusion.heat(np.array(drops), rows, columns)
    return {
        "heat": (cells / max(float(cells.max()), 1e-9)).tolist(),
        "probability": float(whole[int(wanted)]),
        "lowest": float(whole[int(wanted)] - max(drops)),
    }


async def _probabilities(served: Served, images: np.ndarray) -> np.ndarray:
    signature = OF_PIXELS if OF_PIXELS in served.export.model.signatures else DEFAULT_SIGNATURE
    tensor = served.export.model.signatures[signature].inputs[0]
    outputs = await served.batcher.predict(signature, {tensor.name: images.astype(tensor.dtype)})
    if "probabilities" not in outputs:
        raise RefusedError(400, "found a model of numeric targets, allowed: one of classes")
    return outputs["probabilities"]
