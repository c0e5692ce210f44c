"""TensorFlow Serving's REST API, version 1: model status, metadata and predict.

Its text is tensorflow_serving/g3doc/api_rest.md. Classify and regress, for signatures that take tf.Example,
are not served, nor are version labels.
"""

from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kerasnets.errors import few
from kerasnets.serving.answering import Served, json_response
from kerasnets.serving.limits import RefusedError
from kerasnets.serving.opened.model import DEFAULT_SIGNATURE, Signature, Tensor
from kerasnets.serving.tensors import from_nested, kind_of, parse_object, to_nested

Arrays = dict[str, np.ndarray]


def routes(served: Served) -> list[Route]:
    """Return the addresses of the protocol."""

    async def status(request: Request) -> Response:
        served.check_version(request)
        ok = {"error_code": "OK", "error_message": ""}
        version = {"version": served.export.version, "state": "AVAILABLE", "status": ok}
        return json_response({"model_version_status": [version]})

    async def metadata(request: Request) -> Response:
        served.check_version(request)
        spec = {"name": served.name, "signature_name": "", "version": served.export.version}
        definitions = {"signature_def": served.export.model.definitions}
        return json_response({"model_spec": spec, "metadata": {"signature_def": definitions}})

    async def predict(request: Request) -> Response:
        served.check_version(request)
        async with served.bodies.read(request) as body:
            signature, inputs, by_row = await served.convert(_request, body, served.export.model.signatures)
            outputs = await served.batcher.predict(signature, inputs)
            return await served.convert(_answer, outputs, by_row)

    models = "/v1/models/{name}"
    return [
        Route(f"{models}{version}{ending}", endpoint, methods=[method])
        for version in ("", "/versions/{version}")
        for ending, endpoint, method in (
            (":predict", predict, "POST"),
            ("/metadata", metadata, "GET"),
            ("", status, "GET"),
        )
    ]


def _request(body: bytes, signatures: dict[str, Signature]) -> tuple[str, Arrays, bool]:
    """Return what a request asks for: the signature, its inputs, and whether they come row by row."""
    request = parse_object(body)
    name = request.get("signature_name") or DEFAULT_SIGNATURE
    if not isinstance(name, str):
        raise RefusedError(400, f"signature_name: found {kind_of(name)}, allowed: a text")
    if name not in signatures:
        raise RefusedError(400, f"signature_name: found {name!r}, allowed: {few(sorted(signatures))}")
    if ("instances" in request) == ("inputs" in request):
        found = "both" if "inputs" in request else "neither"
        raise RefusedError(400, f"found {found} of instances and inputs, allowed: one")
    tensors = signatures[name].inputs
    if "instances" in request:
        return name, _by_row(request["instances"], tensors), True
    return name, _by_column(request["inputs"], tensors), False


def _by_row(instances: Any, tensors: tuple[Tensor, ...]) -> Arrays:
    """Return the inputs of a list with an entry for each row: a value, or an object of values by name."""
    if not isinstance(instances, list) or not instances:
        found = kind_of(instances) if not isinstance(instances, list) else "an empty list"
        raise RefusedError(400, f"instances: found {found}, allowed: a list of one or more")
    if not _names(instances[0]):
        return {tensor.name: from_nested(instances, tensor) for tensor in _only(tensors, "instances")}
    wanted = {tensor.name for tensor in tensors}
    for number, instance in enumerate(instances):
        if not _names(instance) or set(instance) != wanted:
            found = few(sorted(instance)) if isinstance(instance, dict) else kind_of(instance)
            raise RefusedError(
                400, f"instances: found {found} at {number}, allowed: an object of {few(sorted(wanted))}"
            )
    return {tensor.name: from_nested([each[tensor.name] for each in instances], tensor) for tensor in tensors}


def _by_column(inputs: Any, tensors: tuple[Tensor, ...]) -> Arrays:
    """Return the inputs of an object of whole tensors by name, or of the only one."""
    if not _names(inputs):
        return {tensor.name: from_nested(inputs, tensor) for tensor in _only(tensors, "inputs")}
    wanted = {tensor.name for tensor in tensors}
    if set(inputs) != wanted:
        raise RefusedError(
            400, f"inputs: found {few(sorted(inputs))}, allowed: an object of {few(sorted(wanted))}"
        )
    return {tensor.name: from_nested(inputs[tensor.name], tensor) for tensor in tensors}


def _names(value: Any) -> bool:
    """Return whether a value is an object of values by name; {"b64": …} is a value itself."""
    return isinstance(value, dict) and set(value) != {"b64"}


def _only(tensors: tuple[Tensor, ...], key: str) -> tuple[Tensor, ...]:
    if len(tensors) > 1:
        names = few(sorted(tensor.name for tensor in tensors))
        raise RefusedError(400, f"{key}: found values without names, allowed: objects of {names}")
    return tensors


def _answer(outputs: Arrays, by_row: bool) -> Response:
    """Return the outputs in the form of the request; the name of an only one is left out."""
    nested = {name: to_nested(name, array) for name, array in outputs.items()}
    if len(nested) == 1:
        (only,) = nested.values()
        return json_response({"predictions" if by_row else "outputs": only})
    if not by_row:
        return json_response({"outputs": nested})
    rows = zip(*nested.values(), strict=True)
    return json_response({"predictions": [dict(zip(nested, row, strict=True)) for row in rows]})
