"""Finished runs made ready for serving, and served."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kerasnets import runtime
from kerasnets.api.arguments import PathLike
from kerasnets.catalog.export_formats import EXPORT_FORMATS
from kerasnets.errors import UserError, nearest

if TYPE_CHECKING:
    from kerasnets.exporting.runtimes.verify import Verification


def export(
    runs: PathLike | Sequence[PathLike],
    to: PathLike | None = None,
    *,
    kind: str | Sequence[str] = "saved_model",
    top_k: int = 5,
    fold: bool = True,
    data: PathLike | None = None,
    allow_changed_data: bool = False,
    calibrated: bool = True,
) -> Path:
    """Write a finished run for serving, and check what was written against the network in memory.

    Beside the formats lie `export.json`, which lists every file with its checksum, and a sample of images
    with the right answers. Formats of the same model that lie in the folder already stay.

    Args:
        runs: a run directory; or several, which become one model that averages their predictions.
        to: folder of the export; by default `export` in the run directory. Several runs need one.
        kind: a format or several: "saved_model", which gets the next integer as its name, "onnx", "openvino",
            "litert", "litert_float16", "litert_int8", "keras", "weights_h5", "safetensors"; or "all" for
            those that can be written here, each measured on the test split.
        top_k: how many classes `top_labels` and `top_probabilities` name, 1 or more.
        fold: whether batch normalization is made part of the convolution before it, as `evaluate` and
            `predict` do: faster, and equal but for rounding. Without it layers have the weights of training.
        data: path of the images that the export is checked on, if they have moved since the run was made.
        allow_changed_data: check on these images although some were added, removed, replaced or relabelled.
        calibrated: whether what is written answers as `calibrate` has set, where it has.

    Returns:
        Path of the format's file or folder; of several formats that of the export's folder.

    Raises:
        UserError: a directory holds no finished run, the runs differ in classes, test images or channels,
            the folder cannot be used, a format cannot hold these runs, or its extra is missing.
        FailureError: what was written does not agree with the network; nothing of it is kept.

    Example:
        >>> kerasnets.export("runs/first")  # doctest: +SKIP
        PosixPath('runs/first/export/1')
    """
    formats = [kind] if isinstance(kind, str) else list(dict.fromkeys(kind))
    for name in formats if kind != "all" else ():
        if name not in EXPORT_FORMATS:
            allowed = f"{', '.join(EXPORT_FORMATS)}{nearest(name, EXPORT_FORMATS)}"
            raise UserError(f"export to {name!r}, allowed: {allowed}")
    if not formats or top_k < 1:
        found = "no format" if not formats else f"top_k {top_k}"
        raise UserError(f"export: found {found}, allowed: {'one or more' if not formats else '1 or more'}")
    runtime.prepare()
    from kerasnets.exporting.run_export import export_runs
    from kerasnets.inference.run_splits import DataOptions

    return export_runs(
        runs,
        to,
        formats="all" if kind == "all" else formats,
        data=DataOptions(data, allow_changed_data),
        top_k=top_k,
        calibrated=calibrated,
        fold=fold,
    )


def serve(
    export: PathLike,
    *,
    host: str = "127.0.0.1",
    port: int = 8501,
    name: str | None = None,
    max_batch: int = 32,
    batch_wait: float = 0.002,
    queue: int = 256,
    max_body: int = 32 * 2**20,
    max_pixels: int = 50_000_000,
    timeout: float = 30.0,
    announce: Callable[[str], None] = print,
) -> None:
    """Serve an export over HTTP until SIGTERM or Ctrl-C, which let requests that have begun be answered.

    It speaks TensorFlow Serving's REST API (/v1/models/NAME) and the Open Inference Protocol
    (/v2/models/NAME), counts for Prometheus (/metrics), and shows at / a page that takes an image. Requests
    of several clients go through the model together. What is refused gets a status from 400 to 499 and
    {"error": why}.

    Args:
        export: folder that `export` wrote, of which the newest SavedModel is served, or else its ONNX file;
            or the folder of one SavedModel, or an ONNX file.
        host: name or address of this machine to listen on. By default only this machine reaches it.
        port: 0 for one that is free.
        name: of the model in addresses; by default that of the run's recipe.
        max_batch: images that go through the model together.
        batch_wait: seconds that a first image waits for others.
        queue: images that may wait; also the most in one request.
        max_body: bytes of a request.
        max_pixels: that an image may declare.
        timeout: seconds for a request to arrive, and for the model to answer it.
        announce: called with the page's address once it can be reached.

    Raises:
        UserError: nothing to serve lies there, the port is in use, `host` is no address of this machine, or
            the extra `serve` is missing.
        KeyboardInterrupt: Ctrl-C.

    Example:
        >>> kerasnets.serve("runs/first/export")  # doctest: +SKIP
        http://127.0.0.1:8501/
    """
    runtime.prepare()
    from kerasnets.serving.limits import Limits
    from kerasnets.serving.server import serve as serve_export

    limits = Limits(
        body_bytes=max_body,
        pixels=max_pixels,
        seconds=timeout,
        batch=max_batch,
        wait_seconds=batch_wait,
        queue=queue,
    )
    serve_export(Path(export), host=host, port=port, name=name, limits=limits, announce=announce)


def verify(export: PathLike) -> "Verification":
    """Check that an export is what it was when it was written.

    Its files are compared with their checksums. Each format then answers the stored sample in a fresh process
    that loads its own runtime alone, and is compared with the stored answers: to 1e-4 more than it differed
    from the run then.

    Args:
        export: folder of the export.

    Returns:
        What was found: `same`, and a line for each file that differs and for each format. It prints as them.

    Raises:
        UserError: no export lies there, or its sample is missing or has changed.

    Example:
        >>> kerasnets.verify("runs/first/export").same  # doctest: +SKIP
        True
    """
    from kerasnets.exporting.runtimes.verify import verify_export

    return verify_export(export)
