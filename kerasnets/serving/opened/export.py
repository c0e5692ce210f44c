"""An export that is opened to be served: which model is meant, and what is known of it."""

from dataclasses import dataclass
from pathlib import Path

from kerasnets.errors import UserError
from kerasnets.exporting import manifest
from kerasnets.exporting.manifest import Manifest, within
from kerasnets.serving.opened.model import ServedModel


@dataclass(frozen=True)
class Export:
    """A model that is loaded, and what is known of it.

    Attributes:
        path: of the SavedModel's folder or the ONNX file.
        model: the model.
        version: its number, as text.
        manifest: what the export says of itself; None of one that is older than manifests.
    """

    path: Path
    model: ServedModel
    version: str
    manifest: Manifest | None

    def class_name(self, place: int) -> str:
        """Return the name of a class or target, or its number where no names are known."""
        return self.manifest.classes[place] if self.manifest else f"number {place}"


def open_export(path: Path, max_pixels: int) -> Export:
    """Load an export's model.

    Args:
        path: the export's folder, of which the SavedModel with the highest number is taken, or else its ONNX
            file; or the folder of one SavedModel; or an ONNX file.
        max_pixels: an encoded image that declares more is not decoded.

    Raises:
        UserError: nothing there that can be served, or what is there is damaged.
    """
    found = _model_path(path)
    known = Manifest.read(found.parent) if (found.parent / manifest.NAME).is_file() else None
    version = found.name if found.name.isdecimal() else "1"
    return Export(found, _load(found, max_pixels), version, known)


def _model_path(path: Path) -> Path:
    """Return the path of the SavedModel's folder or the ONNX file that is meant."""
    if path.is_file() and path.suffix == ".onnx":
        return path
    if (path / "saved_model.pb").is_file():
        return path
    versions = [each for each in path.glob("*/saved_model.pb") if each.parent.name.isdecimal()]
    if versions:
        return max((each.parent for each in versions), key=lambda each: int(each.name))
    files = sorted(path.glob("*.onnx"))
    if len(files) == 1:
        return files[0]
    found = f"{len(files)} ONNX files; name one" if files else "no SavedModel and no ONNX file"
    raise UserError(f"{path}: found {found}, allowed: a folder that `kerasnets export` wrote{within(path)}")


def _load(path: Path, max_pixels: int) -> ServedModel:
    if path.is_file():
        from kerasnets.serving.opened.onnx_model import OnnxModel

        return OnnxModel(path, max_pixels)
    from kerasnets.serving.opened.saved_model import SavedModel

    return SavedModel(path)
