"""The manifest of packed shards: which files there are, how long, with which checksums."""

import hashlib
import json
from pathlib import Path

from kerasnets.data.pipeline.threads import stoppable_threads
from kerasnets.errors import UserError
from kerasnets.files.user_files import check_file

VERSION = 1
PLAN, INDEX_FILE, MANIFEST = "plan.json", "index.npz", "manifest.json"


def described(path):
    """Return a file's name, bytes and sha256, in hexadecimal."""
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"file": path.name, "bytes": path.stat().st_size, "sha256": digest}


def read_manifest(folder):
    """Return the manifest of a packed folder, its files there and of the right size.

    Args:
        folder: the folder, a `Path`.

    Raises:
        UserError: no manifest, another format, a file that is missing or of another size.
    """
    path = folder / MANIFEST
    try:
        if path.exists():
            check_file(path)
        manifest = json.loads(path.read_text(encoding="utf-8"))
        files = _files(manifest)
        well_formed = all({"file", "bytes", "sha256"} <= set(file) for file in files)
        version, known = manifest["format"], {"classes", "image_shape"} <= set(manifest)
    except FileNotFoundError:
        raise UserError(
            f"{folder}: found no {MANIFEST}, allowed: a folder that was packed to its end"
        ) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(f"{path}: not a manifest of packed shards: {type(error).__name__} {error}") from None
    if version != VERSION or not (well_formed and known):
        raise UserError(f"{path}: found format {version}, allowed: format {VERSION} with all its keys")
    for file in files:
        _check_size(folder / file["file"], file["bytes"])
    return manifest


def _files(manifest):
    return [manifest["index"], *(shard for shards in manifest["splits"].values() for shard in shards)]


def _check_size(path, size):
    found = path.stat().st_size if path.is_file() else None
    if found != size:
        said = "no such file" if found is None else f"{found} bytes"
        raise UserError(f"{path}: found {said}, allowed: {size} bytes, as {MANIFEST} says")


def verify(path, workers=2):
    """Read every file of a packed folder and compare its checksum with the manifest's.

    Args:
        path: the folder.
        workers: threads that read.

    Returns:
        The manifest.

    Raises:
        UserError: a file is missing, of another size, or its bytes have changed.
    """
    folder = Path(path)
    manifest = read_manifest(folder)
    files = _files(manifest)
    with stoppable_threads(workers) as (pool, _):
        found = pool.map(lambda file: described(folder / file["file"]), files)
        for file, now in zip(files, found, strict=True):
            if now["sha256"] != file["sha256"]:
                raise UserError(
                    f"{folder / file['file']}: damaged: found sha256 {now['sha256']}, "
                    f"allowed: {file['sha256']}, as {MANIFEST} says; packing again mends it"
                )
    return manifest
