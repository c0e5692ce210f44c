"""From finished formats to an export: everything is moved into its place, and the manifest comes last.

Killed at any moment, an export leaves what was there before, or a folder without a manifest, which is none.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from kerasnets.errors import UserError
from kerasnets.exporting.manifest import NAME, ExportedFile, Manifest, list_files
from kerasnets.files.records import NewerFormatError
from kerasnets.files.whole_files import remove_leftovers, sync, temporary_path

SAVED_MODEL = "saved_model"
"""The format whose folder is named by a number, the highest of which TensorFlow Serving loads."""


@contextmanager
def staging(folder: Path) -> Iterator[Path]:
    """Give a hidden folder in `folder`, which is made if need be; it is gone after the block."""
    folder.mkdir(parents=True, exist_ok=True)
    remove_leftovers(folder)
    staged = Path(tempfile.mkdtemp(prefix=f"{temporary_path(folder / 'export').name}.", dir=folder))
    try:
        yield staged
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def publish(
    staged: Path, folder: Path, manifest: Manifest, *, write_beside: Callable[[Manifest], None]
) -> Manifest:
    """Move formats into an export's folder, with what lies beside them.

    Formats that lie there already stay if they are of the same model; of another one they are removed, but
    for numbered SavedModels, which a server may go back to.

    Args:
        staged: a folder on the same disk that holds the formats and nothing else; it is empty afterwards.
        folder: of the export.
        manifest: of the formats in `staged`; their files are listed here.
        write_beside: writes what lies beside the formats into `staged`, of a manifest with all of them.

    Returns:
        The manifest that was written.

    Raises:
        NewerFormatError: the folder's manifest is of a newer version.
        OSError: the disk is full; the export that was there is left, or none.
    """
    with _alone_in(folder):
        before = manifest_before(folder)
        if SAVED_MODEL in manifest.formats:
            manifest = _numbered(staged, folder, manifest)
        same = before if before and before.model == manifest.model else None
        if same:
            manifest = replace(manifest, formats=same.formats | manifest.formats)
        write_beside(manifest)
        new = sorted(entry.name for entry in staged.iterdir())
        files = _kept_files(same, manifest, set(new)) if same else {}
        manifest = replace(manifest, files=files | list_files(staged, new))
        for written in staged.rglob("*"):
            sync(written)
        (folder / NAME).unlink(missing_ok=True)
        _remove_stale(folder, before, manifest)
        for name in new:
            _move(staged / name, folder / name)
        sync(folder)
        manifest.write(folder)
    return manifest


def manifest_before(folder: Path) -> Manifest | None:
    """Return the manifest of an export that is to be replaced; None where there is none that can be read.

    Raises:
        NewerFormatError: it is of a newer version, which knows better what to keep.
    """
    try:
        return Manifest.read(folder)
    except NewerFormatError:
        raise
    except UserError:
        return None


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Have other exports into the folder wait while the block runs; without a lock file for users to see."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # file systems that lock no folders
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _numbered(staged: Path, folder: Path, manifest: Manifest) -> Manifest:
    """Give the staged SavedModel the next number in the folder."""
    model = manifest.formats[SAVED_MODEL]
    numbers = [int(entry.name) for entry in folder.iterdir() if entry.name.isdecimal()]
    number = str(max(numbers, default=0) + 1)
    (staged / model.path).rename(staged / number)
    return replace(manifest, formats=manifest.formats | {SAVED_MODEL: replace(model, path=number)})


def _kept_files(before: Manifest, manifest: Manifest, new: set[str]) -> dict[str, ExportedFile]:
    """Return the files of the manifest before that stay: no new file or folder stands in their place.

    Of numbered SavedModels only the newest belongs to the export.
    """
    numbered = manifest.formats.get(SAVED_MODEL)
    tops = {name: Path(name).parts[0] for name in before.files}
    gone = {top for top in tops.values() if top.isdecimal() and (not numbered or top != numbered.path)}
    return {name: file for name, file in before.files.items() if tops[name] not in new | gone}


def _remove_stale(folder: Path, before: Manifest | None, manifest: Manifest) -> None:
    """Remove the files that the manifest before lists and this one does not, but numbered SavedModels."""
    for name in before.files if before else ():
        if name not in manifest.files and not Path(name).parts[0].isdecimal():
            (folder / name).unlink(missing_ok=True)
            with suppress(OSError):  # it holds other files
                (folder / name).parent.rmdir()


def _move(source: Path, target: Path) -> None:
    """Rename a file or folder, in place of what stands there."""
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    source.rename(target)
