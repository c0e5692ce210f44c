"""Ask one format of an export about the stored sample, in its runtime alone, and compare the answers.

Run as a module in a fresh process: python -m kerasnets.exporting.runtimes.verify_one NAME PATH SAMPLE. It
prints JSON: the largest difference from the stored answers (of numbers above 1, relative to them), how many
images that was, and the seconds that it took to load the format and to answer.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np

from kerasnets.catalog.export_formats import EXPORT_FORMATS
from kerasnets.exporting.runtimes.open_runtime import open_runtime


def main(name: str, path: str, sample: str) -> None:
    """Print what was found."""
    with np.load(sample) as stored:
        arrays = {key: stored[key] for key in stored.files}
    images, right = stored_inputs(name, arrays)
    start = time.perf_counter()
    predict = open_runtime(name, Path(path))
    loaded = time.perf_counter()
    found = np.concatenate([predict(image[None]) for image in images])
    seconds = time.perf_counter() - loaded
    difference = float((np.abs(found - right) / np.maximum(np.abs(right), 1)).max())
    print(json.dumps({"difference": difference, "images": len(images),
                      "load_seconds": loaded - start, "seconds": seconds}))  # fmt: skip


def stored_inputs(name: str, arrays: dict[str, np.ndarray]) -> tuple[list[np.ndarray], np.ndarray]:
    """Return the stored images that a format takes, and the right answers to them.

    Args:
        name: of the format.
        arrays: of sample.npz, by name: "image N" raw, "sized" and "prepared" ones in a row, `of_images` the
            runs' predictions, `outputs` the network's own of those that are prepared.
    """
    match EXPORT_FORMATS[name].takes:
        case "raw":
            numbers = range(len(arrays["of_images"]))
            return [arrays[f"image {number}"] for number in numbers], arrays["of_images"]
        case "sized":
            return list(arrays["sized"]), arrays["of_images"]
        case _:
            return list(arrays["prepared"]), arrays["outputs"]


if __name__ == "__main__":
    main(*sys.argv[1:])
