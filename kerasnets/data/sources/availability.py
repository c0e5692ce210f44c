"""Whether a source can be read without a download."""

import os
from pathlib import Path

from kerasnets.data.sources.keras_datasets import CLASSES, search_places

KERAS_NAMES = {
    "mnist": "mnist.npz",
    "fashion_mnist": "fashion-mnist",
    "cifar10": "cifar-10-batches-py*",
    "cifar100": "cifar-100-python*",
}
"""Names of Keras's downloads in its cache."""


def is_local(source: str, path: str | Path | None = None) -> bool:
    """Return whether a source can be read without a download; arguments as of `load_dataset`."""
    if source in CLASSES:
        names = (f"{source}.npz", source, source.replace("_", "-"))
        downloads = Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser() / "datasets"
        here = any((place / name).exists() for place in search_places() for name in names)
        return here or any(downloads.glob(KERAS_NAMES[source]))
    if source.startswith("tfds:"):
        folder = path or os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")
        set_name = source.removeprefix("tfds:").partition("/")[0].partition(":")[0]
        return (Path(folder).expanduser() / set_name).is_dir()
    return True
