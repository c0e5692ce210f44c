"""The Open Inference Protocol, version 2, over HTTP: health, metadata, infer.

Its text is specification/protocol/inference_rest.md of kserve/open-inference-protocol. A model's signatures
that answer alike are told apart by the names and types of their inputs; any can be named by the parameter
`signature_name`. Elements of type BYTES are base64, because JSON holds
text alone. The extension for binary tensors is not offered.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

import kerasnets
from kerasnets.errors import few
from kerasnets.serving.answering import Served, json_response
from kerasnets.serving.limits import RefusedError
from kerasnets.serving.opened.model import DATATYPES, DEFAULT_SIGNATURE, Signature, Tensor
from kerasnets.serving.tensors import from_flat, kind_of, parse_object, to_nested

Arrays = dict[str, np.ndarray]

BINARY = "Inference-Header-Content-Length"
"""The header of requests with binary tensors."""


def routes(served: Served) -> list[Route]:
    """Return the addresses of the protocol."""
    model = served.export.model

    async def server(request: Request) -> Response:
        return json_response({"name": "kerasnets", "version": kerasnets.__version__, "extensions": []})

    async def live(request: Request) -> Response:
        return json_response({"live": True})

    async def ready(request: Request) -> Response:
        return json_response({"live": True, "ready": True})

    async def model_ready(request: Request) -> Response:
        served.check_version(request)
        return json_response({"name": served.name, "ready": True})

    async def metadata(request: Request) -> Response:
        served.check_version(request)
        signature, others = model.signatures[DEFAULT_SIGNATURE], _alternatives(_answering(model.signatures))
        return json_response({
            "name": served.name,
            "versions": [served.export.version],
            "platform": model.platform,
            "inputs": [_described(tensor) for tensor in signature.inputs],
            "outputs": [_described(tensor) for tensor in signature.outputs],
            "properties": {"alternative_inputs": "; ".join(others)},
        })  # fmt: skip

    async def infer(request: Request) -> Response:
        served.check_version(request)
        if BINARY in request.headers:
            raise RefusedError(400, f"{BINARY}: found binary tensors, allowed: tensors in JSON")
        async with served.bodies.read(request) as body:
            asked = await served.convert(_asked, body, model.signatures)
            name, inputs, wanted, echoed = asked
            outputs = await served.batcher.predict(name, inputs)
            head = {"model_name": served.name, "model_version": served.export.version, **echoed}
            return await served.convert(_answer, head, model.signatures[name], outputs, wanted)

    models = "/v2/models/{name}"
    return [
        Route("/v2", server),
        Route("/v2/", server),
        Route("/v2/health/live", live),
        Route("/v2/health/ready", ready),
        *(
            Route(f"{models}{version}{ending}", endpoint, methods=[method])
            for version in ("", "/versions/{version}")
            for ending, endpoint, method in (
                ("/infer", infer, "POST"),
                ("/ready", model_ready, "GET"),
                ("", metadata, "GET"),
            )
        ),
    ]


def _answering(signatures: Mapping[str, Signature]) -> dict[str, Signature]:
    """Return the signatures that give what the default one does."""

    def gives(name: str) -> list[tuple[str, str]]:
        return [(output.name, output.dtype) for output in signatures[name].outputs]

    return {name: signatures[name] for name in signatures if gives(name) == gives(DEFAULT_SIGNATURE)}


def _alternatives(signatures: Mapping[str, Signature]) -> list[str]:
    """Return in words what each signature takes: "images UINT8"."""
    return [
        " and ".join(f"{each.name} {DATATYPES[each.dtype].open_inference}" for each in signature.inputs)
        for signature in signatures.values()
    ]


def _described(tensor: Tensor) -> dict[str, Any]:
    return {
        "name": tensor.name,
        "datatype": DATATYPES[tensor.dtype].open_inference,
        "shape": [-1 if size is None else size for size in tensor.shape],
    }


def _asked(body: bytes, signatures: Mapping[str, Signature]) -> tuple[str, Arrays, list[str], dict[str, str]]:
    """Return what a request asks for: the signature, its inputs, names of outputs, and its id if any."""
    request = parse_object(body)
    tables = {table["name"]: table for table in _tables(request.get("inputs"), "inputs", _INPUT)}
    if len(tables) < len(request["inputs"]):
        raise RefusedError(400, "inputs: found one name twice, allowed: each once")
    found = {(name, table["datatype"]) for name, table in tables.items()}
    name = _signature(request, found, signatures)
    inputs = {}
    for tensor in signatures[name].inputs:
        table = tables[tensor.name]
        if any(type(size) is not int or size < 0 for size in table["shape"]):
            raise RefusedError(400, f"{tensor.name}: shape: found {table['shape']}, allowed: whole numbers")
        inputs[tensor.name] = from_flat(table["data"], table["shape"], tensor)
        if inputs[tensor.name].dtype.kind == "f" and not np.isfinite(inputs[tensor.name]).all():
            raise RefusedError(400, f"{tensor.name}: found a number that is not finite")
    echoed = {"id": request["id"]} if isinstance(request.get("id"), str) else {}
    return name, inputs, _wanted(request, signatures[name]), echoed


_INPUT: dict[str, type] = {"name": str, "datatype": str, "shape": list, "data": list}


def _tables(value: Any, key: str, kinds: Mapping[str, type]) -> list[dict[str, Any]]:
    """Return a list of objects that have some keys, each with a value of its type."""
    if not isinstance(value, list) or not value:
        found = "an empty list" if value == [] else kind_of(value)
        raise RefusedError(400, f"{key}: found {found}, allowed: a list of objects")
    for number, each in enumerate(value):
        if not isinstance(each, dict):
            raise RefusedError(400, f"{key}: found {kind_of(each)} at {number}, allowed: an object")
        for name, kind in kinds.items():
            if type(each.get(name)) is not kind:
                raise RefusedError(400, f"{key}: {name}: found {kind_of(each.get(name))} at {number}")
    return value


def _signature(
    request: Mapping[str, Any], found: set[tuple[str, str]], signatures: Mapping[str, Signature]
) -> str:
    """Return the signature that is named, or that takes inputs of these names and types."""
    parameters = request.get("parameters", {})
    named = parameters.get("signature_name") if isinstance(parameters, dict) else None
    if named is not None and (not isinstance(named, str) or named not in signatures):
        raise RefusedError(400, f"signature_name: found {named!r}, allowed: {few(sorted(signatures))}")
    candidates = {named: signatures[named]} if named else _answering(signatures)
    for name, signature in candidates.items():
        if found == {(each.name, DATATYPES[each.dtype].open_inference) for each in signature.inputs}:
            return name
    words = " and ".join(f"{name} {datatype}" for name, datatype in sorted(found))
    raise RefusedError(400, f"inputs: found {words}, allowed: {' or '.join(_alternatives(candidates))}")


def _wanted(request: Mapping[str, Any], signature: Signature) -> list[str]:
    """Return the names of the outputs that a request wants; without any, all."""
    names = [tensor.name for tensor in signature.outputs]
    if "outputs" not in request:
        return names
    wanted = [table["name"] for table in _tables(request["outputs"], "outputs", {"name": str})]
    unknown = [name for name in wanted if name not in names]
    if unknown:
        raise RefusedError(400, f"outputs: found {unknown[0]!r}, allowed: {few(names)}")
    return wanted


def _answer(head: Mapping[str, Any], signature: Signature, outputs: Arrays, wanted: list[str]) -> Response:
    datatypes = {tensor.name: DATATYPES[tensor.dtype].open_inference for tensor in signature.outputs}
    tables = [
        {
            "name": name,
            "datatype": datatypes[name],
            "shape": list(outputs[name].shape),
            "data": to_nested("", outputs[name].reshape(-1)),
        }
        for name in wanted
    ]
    try:
        return json_response({**head, "outputs": tables}, strict=True)
    except ValueError:  # JSON has no NaN
        raise RefusedError(422, "found an image whose answer is not a number") from None
